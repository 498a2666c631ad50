// The skeletons in three dimensions. Here y is up, as three.js has it.

const LOOKS = { turned: [-0.26, 0.17], front: [0, 0], side: [Math.PI / 2, 0], top: [0, Math.PI / 2 - 1e-3] };
const BODIES = { light: ["#008a66", "#b05a8c", "#a87700", "#5a5a5a"], dark: ["#2fc79a", "#e39ac4", "#e8c13a", "#c4c9cf"] };

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function darkNow() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The colour of a person's trunk; limbs have those of their side. */
function bodyOf(person, people) {
  if (people === 1) return colourOf("middle");
  const colours = BODIES[darkNow() ? "dark" : "light"];
  return colours[person % colours.length];
}

class Stage {
  constructor(canvas, clip, changed) {
    this.clip = clip;
    this.canvas = canvas;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.scene = new THREE.Scene();
    this.eye = new THREE.PerspectiveCamera(35, 1, 0.01, 1000);
    this.scene.add(this.eye, new THREE.HemisphereLight("#ffffff", "#9aa0a6", 2.3));
    const lamp = new THREE.DirectionalLight("#ffffff", 1.3);
    lamp.position.set(0.4, 0.8, 1);
    this.eye.add(lamp);
    this.measure();
    const people = clip.people.length;
    const round = people > 8 ? 7 : 14; // a crowd is small in the picture, and much to draw
    this.spheres = new Shapes(this.scene, new THREE.SphereGeometry(1, round, round), people * clip.size);
    this.sticks = new Shapes(this.scene, new THREE.CylinderGeometry(1, 1, 1, round, 1, true), people * clip.size);
    this.apart = this.stacked;
    this.look("turned");
    this.controls = new THREE.OrbitControls(this.eye, canvas);
    this.controls.target.copy(this.centre);
    this.controls.addEventListener("change", changed);
    this.layGround();
    this.paint();
  }

  /** From the data's axes to ours: a turn, nothing is mirrored. */
  turned(x, y, z) {
    return this.clip.frame === "world" ? [x, z, -y] : [x, -y, -z];
  }

  /** How large people are, how far they get, whether they stand in one place. */
  measure() {
    const { clip } = this;
    const tall = [];
    const apart = [];
    const seen = [...clip.seconds.keys()].filter((frame) => clip.people.some((_, person) => clip.isSeen(person, frame)));
    const every = Math.max(1, Math.floor((seen.length * clip.people.length) / 2000));
    this.sampled = seen.filter((_, place) => place % every === 0);
    for (const number of this.sampled) {
      const first = clip.joint(0, number, 0);
      clip.people.forEach((_, person) => {
        const box = new Box();
        for (let joint = 0; joint < clip.size; joint++) box.add(clip.joint(person, number, joint));
        if (box.some) tall.push(Math.max(...box.sizes()));
        const hip = clip.joint(person, number, 0);
        const gap = Math.hypot(hip[0] - first[0], hip[1] - first[1], hip[2] - first[2]);
        if (person && !Number.isNaN(gap)) apart.push(gap);
      });
    }
    this.tall = Math.max(middleOf(tall), 1e-6);
    const gap = middleOf(apart);
    this.stacked = clip.people.length > 1 && (clip.frame === "root" || gap < 0.02 * this.tall);
  }

  /** By how much somebody is set aside, so that people in one place do not cover each other. */
  aside(person) {
    return this.apart ? (person - (this.clip.people.length - 1) / 2) * 0.75 * this.tall : 0;
  }

  place(person, frame, joint) {
    const [x, y, z] = this.turned(...this.clip.joint(person, frame, joint));
    return new THREE.Vector3(x + this.aside(person), y, z);
  }

  /** Middle and reach of what all frames show, without the farthest hundredth. */
  bounds() {
    const { clip } = this;
    const along = [[], [], []];
    for (const number of this.sampled) {
      clip.people.forEach((_, person) => {
        for (let joint = 0; joint < clip.size; joint++) {
          const place = this.place(person, number, joint);
          if (!Number.isNaN(place.x)) place.toArray().forEach((value, axis) => along[axis].push(value));
        }
      });
    }
    const low = along.map((values) => middleOf(values, 0.005));
    const high = along.map((values) => middleOf(values, 0.995));
    return { low, high };
  }

  look(name) {
    const { low, high } = this.bounds();
    this.centre = new THREE.Vector3(...low.map((value, axis) => (value + high[axis]) / 2));
    const [about, above] = LOOKS[name];
    const from = [Math.sin(about) * Math.cos(above), Math.sin(above), Math.cos(about) * Math.cos(above)];
    this.eye.position.set(...from);
    this.eye.lookAt(0, 0, 0);
    const half = low.map((value, axis) => Math.max((high[axis] - value) / 2, 0.3 * this.tall));
    const away = this.distanceFor(half);
    this.eye.position.multiplyScalar(away).add(this.centre);
    this.eye.near = away / 100;
    this.eye.far = away * 20 + 100 * this.tall;
    this.eye.updateProjectionMatrix();
    this.controls?.target.copy(this.centre);
    this.controls?.update();
  }

  /** From how far away, in the direction of the eye, a box is seen as a whole. */
  distanceFor(half) {
    const back = this.eye.quaternion.clone().invert();
    const up = Math.tan((this.eye.fov * Math.PI) / 360);
    const corners = [1, -1].flatMap((x) => [1, -1].flatMap((y) => [1, -1].map((z) => [x, y, z])));
    return Math.max(...corners.map((signs) => {
      const corner = new THREE.Vector3(...signs.map((sign, axis) => sign * half[axis])).applyQuaternion(back);
      const [across, along] = [Math.abs(corner.x) / (up * this.eye.aspect), Math.abs(corner.y) / up];
      return 1.15 * Math.max(across, along) + corner.z;
    }));
  }

  /** A grid at z = 0 of a world, else below all; where the camera is, if that is known. */
  layGround() {
    const { low, high } = this.bounds();
    const wide = Math.max(high[0] - low[0], high[2] - low[2], this.tall) + this.tall;
    this.cell = 10 ** Math.ceil(Math.log10(wide / 25));
    for (const share of [5, 2]) if (wide / (this.cell / share) <= 25) this.cell /= share;
    const level = this.clip.frame === "world" ? 0 : Math.min(low[1], ...this.lowest());
    const points = [];
    const [left, right, near, far] = [[0, -1], [0, 1], [2, -1], [2, 1]].map(([axis, way]) => {
      const middle = (low[axis] + high[axis]) / 2;
      return Math.round((middle + (way * Math.max(wide, high[axis] - low[axis])) / 2) / this.cell);
    });
    for (let x = left; x <= right; x++) points.push(x, 0, near, x, 0, far);
    for (let z = near; z <= far; z++) points.push(left, 0, z, right, 0, z);
    this.ground?.removeFromParent();
    this.ground = linesOf(points.map((value) => value * this.cell));
    this.ground.position.y = level;
    this.scene.add(this.ground);
    if (this.clip.frame === "camera" && !this.filming) {
      const [w, h, d] = [0.16, 0.1, 0.22].map((share) => share * this.tall);
      const corners = [[-w, -h], [w, -h], [w, h], [-w, h]];
      const rays = corners.flatMap(([x, y]) => [0, 0, 0, x, y, -d]);
      const frame = corners.flatMap(([x, y], each) => [x, y, -d, ...corners[(each + 1) % 4], -d]);
      this.filming = linesOf([...rays, ...frame]);
      this.scene.add(this.filming);
    }
  }

  lowest() {
    const { clip } = this;
    const lows = clip.people.flatMap((_, person) => this.sampled.map((frame) => {
      const heights = clip.joints.map((_, joint) => this.place(person, frame, joint).y);
      return Math.min(...heights.filter((value) => !Number.isNaN(value)));
    }));
    return [middleOf(lows.filter(Number.isFinite), 0.02)].filter(Number.isFinite);
  }

  bodyOf(person) {
    return bodyOf(person, this.clip.people.length);
  }

  paint() {
    const { clip } = this;
    const colours = { left: new THREE.Color(colourOf("left")), right: new THREE.Color(colourOf("right")) };
    const bodies = clip.people.map((_, person) => new THREE.Color(this.bodyOf(person)));
    const colour = (place) => colours[clip.sideOf(place % clip.size)] ?? bodies[Math.floor(place / clip.size)];
    this.spheres.paint(colour);
    this.sticks.paint(colour);
    this.renderer.setClearColor(new THREE.Color(colourOf("page")));
    this.ground.material.color.set(colourOf("grid"));
    this.filming?.material.color.set(colourOf("quiet"));
  }

  /** Put everybody where they are in a frame. */
  pose(frame) {
    const { clip } = this;
    const thick = 0.011 * this.tall;
    for (const shapes of [this.spheres, this.sticks]) shapes.begin();
    clip.people.forEach(({ shown, valid }, person) => {
      const places = clip.joints.map((_, joint) => this.place(person, frame, joint));
      places.forEach((place, joint) => {
        const number = person * clip.size + joint;
        const sure = valid[frame * clip.size + joint];
        const there = shown && !Number.isNaN(place.x);
        if (!there) return;
        const ball = new THREE.Matrix4().makeScale(1.7 * thick, 1.7 * thick, 1.7 * thick).setPosition(place);
        this.spheres.put(number, ball, sure);
        const parent = clip.parents[joint];
        const bone = parent >= 0 ? stickBetween(places[parent], place, thick) : null;
        if (bone) this.sticks.put(number, bone, sure && valid[frame * clip.size + parent]);
      });
    });
    for (const shapes of [this.spheres, this.sticks]) shapes.end();
  }

  /** Where those who are shown are, or were last, on average, over the ground; null if nobody was. */
  whereabouts(frame) {
    const sum = new THREE.Vector3();
    let count = 0;
    this.clip.people.forEach(({ shown }, person) => {
      const seen = shown ? this.clip.lastSeen(person, frame) : -1;
      for (let joint = 0; seen >= 0 && joint < this.clip.size; joint++) {
        const place = this.place(person, seen, joint);
        if (Number.isNaN(place.x)) continue;
        sum.add(place);
        count++;
      }
    });
    return count ? sum.divideScalar(count).setY(0) : null;
  }

  move(by) {
    this.eye.position.add(by);
    this.controls.target.add(by);
    this.controls.update();
  }

  /** Pixels of a place on the canvas; null behind the eye. */
  pixels(place) {
    const seen = place.clone().project(this.eye);
    if (seen.z > 1 || Number.isNaN(seen.x)) return null;
    return [((seen.x + 1) / 2) * this.canvas.clientWidth, ((1 - seen.y) / 2) * this.canvas.clientHeight];
  }

  /** Where in the picture somebody's highest joint is, and how far away; null if nowhere. */
  topOf(person, frame) {
    const places = this.clip.joints.map((_, joint) => this.place(person, frame, joint));
    const there = places.filter((place) => !Number.isNaN(place.x));
    const top = there.reduce((best, place) => (best && best.y > place.y ? best : place), null);
    const at = top && this.pixels(top);
    return at && { x: at[0], y: at[1], away: top.distanceTo(this.eye.position) };
  }

  /** How the data's axes lie in the picture: x to the right, y down, z away. */
  directions() {
    const back = this.eye.quaternion.clone().invert();
    return [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis) => {
      const seen = new THREE.Vector3(...this.turned(...axis)).applyQuaternion(back);
      return [seen.x, -seen.y, -seen.z];
    });
  }

  resize(width, height) {
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.eye.aspect = width / Math.max(height, 1);
    this.eye.updateProjectionMatrix();
  }

  draw() {
    this.renderer.render(this.scene, this.eye);
  }
}

class Box {
  constructor() {
    this.low = [Infinity, Infinity, Infinity];
    this.high = [-Infinity, -Infinity, -Infinity];
  }

  add(point) {
    if (Number.isNaN(point[0])) return;
    this.low = this.low.map((value, axis) => Math.min(value, point[axis]));
    this.high = this.high.map((value, axis) => Math.max(value, point[axis]));
  }

  get some() {
    return this.low[0] <= this.high[0];
  }

  sizes() {
    return this.low.map((value, axis) => this.high[axis] - value);
  }
}
