// What the page was given: numbers of every frame, joint and person.

const MISSING = -32768;

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Positions in the frame of the data, NaN where there is no joint, and which joints count. */
function personOf(given, frames, joints) {
  const heads = new Float32Array(bytesOf(given.heads).buffer);
  const steps = new Int16Array(bytesOf(given.steps).buffer);
  const bits = given.valid === null ? null : bytesOf(given.valid);
  const positions = new Float64Array(steps.length);
  const valid = new Uint8Array(frames * joints);
  for (let place = 0; place < valid.length; place++) {
    const head = 4 * Math.floor(place / joints);
    for (let axis = 0; axis < 3; axis++) {
      const step = steps[3 * place + axis];
      positions[3 * place + axis] = step === MISSING ? NaN : heads[head + axis] + step * heads[head + 3];
    }
    const flagged = bits === null || (bits[place >> 3] >> (place & 7)) & 1;
    valid[place] = flagged && !Number.isNaN(positions[3 * place]) ? 1 : 0;
  }
  return { name: given.name, filters: given.filters, error: given.error, positions, valid, shown: true };
}

/** Seconds at which frames begin; a rate that is not known is taken to be 30 a second. */
function timesOf(given) {
  if (given.times !== null) return new Float64Array(bytesOf(given.times).buffer);
  return Float64Array.from({ length: given.frames }, (_, number) => number / (given.fps ?? 30));
}

class Clip {
  constructor(given) {
    Object.assign(this, given);
    this.size = given.joints.length;
    this.people = given.people.map((each) => personOf(each, given.frames, this.size));
    this.timed = given.times !== null || given.fps !== null;
    this.seconds = timesOf(given);
    const last = this.frames - 1;
    this.from = this.seconds[0];
    this.step = last > 0 ? (this.seconds[last] - this.from) / last : 1 / (given.fps ?? 30);
    this.until = this.seconds[last] + this.step;
    this.keptAt = new Set(given.kept ?? []);
    this.suffix = given.unit === "m" ? " m" : "";
  }

  /** The frame that is on at a time. */
  frameAt(seconds) {
    let low = 0;
    let high = this.frames - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.seconds[middle] <= seconds + 1e-9) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Of a frame: how many joints of those who are shown count, and how many there are. */
  countAt(frame) {
    let valid = 0;
    let all = 0;
    for (const person of this.people) {
      if (!person.shown) continue;
      all += this.size;
      for (let joint = 0; joint < this.size; joint++) valid += person.valid[frame * this.size + joint];
    }
    return { valid, all };
  }

  isSeen(person, frame) {
    return this.joints.some((_, joint) => !Number.isNaN(this.joint(person, frame, joint)[0]));
  }

  /** The last frame up to this one in which somebody has a joint; -1 if there is none. */
  lastSeen(person, frame) {
    const { positions } = this.people[person];
    let place = 3 * ((frame + 1) * this.size - 1);
    while (place >= 0 && Number.isNaN(positions[place])) place -= 3;
    return place < 0 ? -1 : Math.floor(place / (3 * this.size));
  }

  /** Where a joint is, in the frame of the data. */
  joint(person, frame, joint) {
    const first = 3 * (frame * this.size + joint);
    return this.people[person].positions.subarray(first, first + 3);
  }

  /** `lwrist`: `left`; `head`: `middle`. */
  sideOf(joint) {
    return { l: "left", r: "right" }[this.joints[joint][0]] ?? "middle";
  }
}

function middleOf(numbers, share = 0.5) {
  const ordered = Float64Array.from(numbers).sort();
  return ordered.length ? ordered[Math.round(share * (ordered.length - 1))] : NaN;
}
