// The live page: a picture and poses that come by two streams.

const $ = (id) => document.getElementById(id);
const AGAIN_MS = 2000;
const STAYS = 15;

/** People as the viewer's stage wants them, in places that stay theirs while they are there. */
class LiveClip extends Clip {
  constructor(given) {
    super({ ...given, frame: "camera", frames: 1, fps: null, times: null, kept: null, people: [] });
    this.grow(4);
  }

  grow(count) {
    while (this.people.length < count) {
      this.people.push({
        name: "", colour: "", shown: false, age: 0,
        positions: new Float64Array(3 * this.size).fill(NaN), valid: new Uint8Array(this.size),
      });
    }
  }

  /** Put people where they are now; whether anybody came or left. */
  take(people) {
    const names = new Set(people.map(({ name }) => name));
    let same = true;
    for (const place of this.people) {
      if (!place.shown || names.has(place.name)) continue;
      Object.assign(place, { name: "", shown: false, age: 0 });
      place.positions.fill(NaN);
      same = false;
    }
    for (const { name, colour, at, lost } of people) {
      let place = this.people.find((each) => each.shown && each.name === name);
      same &&= place !== undefined;
      place ??= this.free();
      Object.assign(place, { name, colour, shown: true, age: place.age + 1 });
      place.positions.set(at);
      place.valid.fill(1);
      for (const joint of lost) place.valid[joint] = 0;
    }
    return !same;
  }

  free() {
    const found = this.people.find(({ shown }) => !shown);
    if (found) return found;
    this.grow(2 * this.people.length);
    return this.free();
  }
}

/** The viewer's stage for people whom nobody knows beforehand: its bounds grow with where they get. */
class LiveStage extends Stage {
  measure() {
    Object.assign(this, { tall: 1.7, stacked: false, sampled: [0], box: null, chosen: "turned", own: false });
  }

  bounds() {
    const { low, high } = this.box ?? { low: [-1.2, -0.9, -5], high: [1.2, 0.9, -3] };
    return { low, high };
  }

  lowest() {
    return [];
  }

  look(name) {
    this.chosen = name;
    this.own = false;
    super.look(name);
  }

  /** Look at people who have come; the view follows until somebody turns it. */
  admit() {
    const now = this.whole();
    if (!now.some) return;
    const first = this.box === null;
    if (first) {
      this.tall = Math.max(...now.tall, 1e-6);
      this.box = new Box();
    }
    const { low, high } = this.box;
    const margin = 0.3 * this.tall;
    const fits = now.low.every((value, axis) => value >= low[axis] && now.high[axis] <= high[axis]);
    if (fits) return;
    this.box.low = low.map((value, axis) => (now.low[axis] < value ? now.low[axis] - margin : value));
    this.box.high = high.map((value, axis) => (now.high[axis] > value ? now.high[axis] + margin : value));
    // Nobody stands below the ground.
    this.box.low[1] = Math.min(low[1], now.low[1]);
    this.layGround();
    this.paint();
    if (first || !this.own) this.look(this.chosen);
  }

  layGround() {
    this.ground?.geometry.dispose();
    super.layGround();
  }

  /** Only those who are there now. */
  again(name) {
    this.box = null;
    this.chosen = name;
    this.own = false;
    this.admit();
    this.look(name);
  }

  /** Where people are; without those who have just come, as detectors see people in trees. */
  whole() {
    const box = new Box();
    box.tall = [];
    this.clip.people.forEach(({ shown, age }, person) => {
      if (!shown || (this.box && age < STAYS)) return;
      const one = new Box();
      this.clip.joints.forEach((_, joint) => one.add(this.place(person, 0, joint).toArray()));
      box.add(one.low);
      box.add(one.high);
      box.tall.push(one.sizes()[1]);
    });
    return box;
  }

  /** Colours as in the picture: of somebody who was always alone none. */
  bodyOf(person) {
    const { colour } = this.clip.people[person];
    if (!this.several || !colour) return colourOf("middle");
    return BODIES[darkNow() ? "dark" : "light"][BODIES.light.indexOf(colour)] ?? colour;
  }

  /** Who is there has changed: room for as many as the clip has places, and their colours. */
  refit() {
    const count = this.clip.people.length * this.clip.size;
    if (this.spheres.count < count) this.renew(count);
    this.paint();
  }

  renew(count) {
    for (const { solid, faint } of [this.spheres, this.sticks]) {
      for (const mesh of [solid, faint]) {
        mesh.removeFromParent();
        mesh.geometry.dispose();
      }
    }
    this.spheres = new Shapes(this.scene, new THREE.SphereGeometry(1, 7, 7), count);
    this.sticks = new Shapes(this.scene, new THREE.CylinderGeometry(1, 1, 1, 7, 1, true), count);
  }
}

const clip = new LiveClip(JSON.parse($("given").textContent));
const state = { waiting: false };
let stage = null;
try {
  stage = new LiveStage($("view"), clip, ask);
  stage.controls.addEventListener("start", () => (stage.own = true));
} catch (error) {
  if (!error.message.includes("WebGL")) throw error;
  $("trouble").textContent = "This browser cannot draw in 3-D: WebGL 2 is missing or switched off.";
  $("trouble").hidden = false;
}

// What comes

function connect() {
  const source = new EventSource("poses");
  source.addEventListener("open", () => {
    say("live", true);
    film(); // not before, so that the last picture stays
  });
  source.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  source.addEventListener("end", () => lose(source, "it has ended; waiting for it to begin again"));
  source.addEventListener("error", () => lose(source, "no connection; trying again"));
}

function film() {
  $("picture").src = `picture?${Date.now()}`;
}

function lose(source, words) {
  source.close();
  say(words, false);
  setTimeout(connect, AGAIN_MS);
}

function say(words, on) {
  if (on || $("link").className || !$("link").textContent.startsWith("it has ended")) $("link").textContent = words;
  $("link").className = on ? "on" : "";
}

function take({ number, seconds, several, people, numbers }) {
  $("frame").textContent = `${number} \u00b7 ${seconds.toFixed(2)} s`;
  $("fps").textContent = numbers.fps === null ? "\u2013" : numbers.fps.toFixed(1);
  $("delay").textContent = numbers.delay_ms === null ? "\u2013" : `${numbers.delay_ms} ms`;
  $("count").textContent = people.length;
  $("dropped").textContent = numbers.dropped;
  $("stages").textContent = Object.entries(numbers.stages_ms).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(" \u00b7 ");
  if (!stage) return;
  const turned = several !== stage.several;
  stage.several = several;
  if (clip.take(people) || turned) stage.refit();
  writeNames(several);
  stage.admit();
  ask();
}

function writeNames(several) {
  while ($("labels").children.length < clip.people.length) $("labels").append(make("span"));
  clip.people.forEach(({ name }, place) => ($("labels").children[place].textContent = several ? name : ""));
}

// What is drawn

function ask() {
  if (state.waiting) return;
  state.waiting = true;
  requestAnimationFrame(() => {
    state.waiting = false;
    if (!stage) return;
    stage.pose(0);
    stage.draw();
    drawAxes(stage, $("axes").firstElementChild);
    drawLabels(stage, clip, 0, $("labels"));
  });
}

function fitStage() {
  const { clientWidth, clientHeight } = $("stage");
  stage?.resize(clientWidth, clientHeight);
  if (stage && !stage.own) stage.look(stage.chosen);
  ask();
}

function turnTo(name) {
  stage?.again(name);
  ask();
}

$("axes").lastElementChild.append(...clip.axes.map((words) => make("li", words)));
$("looks").addEventListener("click", ({ target }) => target.dataset.view && turnTo(target.dataset.view));
document.addEventListener("keydown", (event) => {
  const name = Object.keys(LOOKS)[Number(event.key) - 1];
  if (name && !event.ctrlKey && !event.altKey && !event.metaKey) turnTo(name);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && $("link").className) film(); // a page that slept was given up
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  stage?.paint();
  ask();
});
writeNames(false);
new ResizeObserver(fitStage).observe($("stage"));
fitStage();
// Behind it, as a picture that never ends would keep the page from being loaded.
addEventListener("load", connect);
