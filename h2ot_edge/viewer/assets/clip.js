// What the page was given: numbers of every frame, joint and person.

const MISSING = -32768;

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Flags, eight to a byte; null where there are none. */
function bitsOf(text) {
  return text === null ? null : bytesOf(text);
}

function isSet(bits, place) {
  return ((bits[place >> 3] >> (place & 7)) & 1) === 1;
}

/** Positions in the frame of the data, NaN where there is no joint, and which joints count. */
function personOf(given, frames, joints) {
  const heads = new Float32Array(bytesOf(given.heads).buffer);
  const steps = new Int16Array(bytesOf(given.steps).buffer);
  const bits = bitsOf(given.valid);
  const positions = new Float64Array(steps.length);
  const valid = new Uint8Array(frames * joints);
  for (let place = 0; place < valid.length; place++) {
    const head = 4 * Math.floor(place / joints);
    for (let axis = 0; axis < 3; axis++) {
      const step = steps[3 * place + axis];
      positions[3 * place + axis] = step === MISSING ? NaN : heads[head + axis] + step * heads[head + 3];
    }
    const flagged = bits === null || isSet(bits, place);
    valid[place] = flagged && !Number.isNaN(positions[3 * place]) ? 1 : 0;
  }
  const { name, filters, error } = given;
  const stay = stayOf(positions, joints);
  return { name, filters, error, positions, valid, stay, kept: bitsOf(given.kept ?? null), shown: true };
}

/** The first and the last frame with a joint; of who is never there none is between them. */
function stayOf(positions, joints) {
  const frameOf = (place) => Math.floor(place / (3 * joints));
  const there = (number) => !Number.isNaN(number);
  const first = positions.findIndex(there);
  return first < 0 ? [0, -1] : [frameOf(first), frameOf(positions.findLastIndex(there))];
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
    this.marked = given.kept === null ? null : new Set(given.kept);
    this.knowsKept = this.marked !== null || this.people.some((person) => person.kept !== null);
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

  /** Whether of several people somebody has not come yet, or has left. */
  isAway(person, frame) {
    const [first, last] = person.stay;
    return this.people.length > 1 && (frame < first || frame > last);
  }

  /** Of a frame: how many joints of those who are shown count, and how many there are. */
  countAt(frame) {
    let valid = 0;
    let all = 0;
    for (const person of this.people) {
      if (!person.shown || this.isAway(person, frame)) continue;
      all += this.size;
      for (let joint = 0; joint < this.size; joint++) valid += person.valid[frame * this.size + joint];
    }
    return { valid, all };
  }

  /** Of a frame: how many of those who are shown and there it was kept of, and how many that is known of. */
  keptAt(frame) {
    if (this.marked !== null) return { kept: this.marked.has(frame) ? 1 : 0, all: 1 };
    const known = this.people.filter((one) => one.shown && one.kept !== null && !this.isAway(one, frame));
    return { kept: known.filter((one) => isSet(one.kept, frame)).length, all: known.length };
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
