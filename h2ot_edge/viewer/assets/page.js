// What one can do on the page.

const $ = (id) => document.getElementById(id);
const clip = new Clip(JSON.parse($("poses").textContent));
const many = clip.people.length > 1;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const state = { frame: 0, playing: false, clock: 0, before: 0, waiting: false };
let stage = null;

const timeline = new Timeline($("timeline"), clip, (frame) => goTo(frame));
try {
  stage = new Stage($("view"), clip, ask);
} catch (error) {
  if (!error.message.includes("WebGL")) throw error;
  $("trouble").textContent = "This browser cannot draw in 3-D: WebGL 2 is missing or switched off.";
  $("trouble").hidden = false;
}

// Playing

/** Draw at the next chance, once. */
function ask() {
  if (state.waiting) return;
  state.waiting = true;
  requestAnimationFrame((now) => {
    state.waiting = false;
    if (state.playing) advance(now);
    draw();
    if (state.playing) ask();
  });
}

function advance(now) {
  const passed = Math.min((now - state.before) / 1000, 0.5); // a tab that was hidden does not leap
  state.before = now;
  state.clock += passed * Number($("speed").value);
  const length = clip.until - clip.from;
  if (state.clock >= clip.until) state.clock = clip.from + ((state.clock - clip.from) % length);
  show(clip.frameAt(state.clock));
}

function play(on) {
  state.playing = on && clip.frames > 1;
  state.clock = clip.seconds[state.frame];
  state.before = performance.now();
  $("play").textContent = state.playing ? "Pause" : "Play";
  $("play").setAttribute("aria-label", $("play").textContent);
  ask();
}

/** Show a frame, and stay there. */
function goTo(frame) {
  play(false);
  show(Math.max(0, Math.min(clip.frames - 1, frame)));
}

function show(frame) {
  const before = $("follow").checked && stage ? stage.whereabouts(state.frame) : null;
  state.frame = frame;
  const after = before && stage.whereabouts(frame);
  if (after) stage.move(after.sub(before));
  ask();
}

// Drawing

function draw() {
  const { frame } = state;
  const last = clip.frames - 1;
  const seconds = clip.timed ? ` \u00b7 ${clip.seconds[frame].toFixed(2)} s` : "";
  $("now").textContent = `frame ${frame} / ${last}${seconds}`;
  $("state").replaceChildren(...stateOf(frame));
  $("timeline").setAttribute("aria-valuenow", frame);
  $("timeline").setAttribute("aria-valuetext", `frame ${frame}${seconds}`);
  timeline.draw(frame);
  if (!stage) return;
  stage.pose(frame);
  stage.draw();
  drawAxes(stage, $("axes").firstElementChild);
  if (many) drawLabels(stage, clip, frame, $("labels"));
  $("joint").hidden = true;
}

function stateOf(frame) {
  const { valid, all } = clip.countAt(frame);
  const words = [];
  const { kept, all: known } = clip.keptAt(frame);
  if (kept) words.push(make("li", kept < known ? `kept by pruning of ${kept} of ${known}` : "kept by pruning", "kept"));
  if (valid < all) words.push(make("li", valid ? `${all - valid} of ${all} joints not valid` : "not valid", "lost"));
  return words;
}

/** Say what is under the pointer. */
function nameJoint(event) {
  const box = $("view").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  let best = { gap: 14 };
  clip.people.forEach((person, number) => {
    for (let joint = 0; person.shown && joint < clip.size; joint++) {
      const at = stage.pixels(stage.place(number, state.frame, joint));
      const gap = at ? Math.hypot(at[0] - x, at[1] - y) : Infinity;
      if (gap < best.gap) best = { gap, person, number, joint, at };
    }
  });
  const shown = best.person !== undefined;
  $("joint").hidden = !shown;
  if (!shown) return;
  const numbers = [...clip.joint(best.number, state.frame, best.joint)].map(signed).join(", ");
  const sure = best.person.valid[state.frame * clip.size + best.joint] ? "" : ", not valid";
  $("joint").textContent = `${clip.joints[best.joint]} (${numbers})${clip.suffix}${sure}`;
  const left = Math.min(best.at[0] + 14, box.width - $("joint").offsetWidth - 4);
  $("joint").style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(best.at[1] - 34, 4)}px)`;
}

// Lists

function writeMarks() {
  const kinds = [];
  const kept = timeline.kept.filter((share) => share > 0).length;
  if (clip.knowsKept) kinds.push(["kept", `kept by pruning (${kept})`]);
  const lost = timeline.lost.filter((share) => share > 0).length;
  if (lost) kinds.push(["lost", `not valid (${lost} frame${lost === 1 ? "" : "s"})`]);
  $("marks").replaceChildren(...kinds.map(([name, words]) => {
    const made = make("span");
    made.append(make("i", "", name), words);
    return made;
  }));
}

function writePeople() {
  $("who").hidden = !many;
  $("who").open = innerWidth > 600;
  $("everybody").hidden = clip.people.length < 4;
  clip.people.forEach((person, number) => {
    const [row, label, box, name] = [make("li"), make("label"), make("input"), make("bdi", person.name)];
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => showPeople((each) => (each === person ? box.checked : each.shown)));
    label.append(box, make("i"), name);
    row.append(label);
    $("people").append(row);
    if (many) $("labels").append(make("span", person.name));
  });
}

function showPeople(wanted) {
  clip.people.forEach((person, number) => {
    person.shown = wanted(person);
    $("people").querySelectorAll("input")[number].checked = person.shown;
  });
  timeline.count();
  writeMarks();
  ask();
}

function paint() {
  clip.people.forEach((_, number) => {
    $("people").querySelectorAll("i")[number].style.background = bodyOf(number, clip.people.length);
  });
  stage?.paint();
  ask();
}

// What was asked for

function onKey(event) {
  const busy = event.target instanceof Element && event.target.closest("select, input, button, summary");
  const far = event.shiftKey ? 10 : 1;
  const keys = {
    " ": () => play(!state.playing),
    ArrowLeft: () => goTo(state.frame - far),
    ArrowRight: () => goTo(state.frame + far),
    Home: () => goTo(0),
    End: () => goTo(clip.frames - 1),
    ...Object.fromEntries(Object.keys(LOOKS).map((name, number) => [String(number + 1), () => turnTo(name)])),
  };
  const choosing = event.target instanceof HTMLSelectElement;
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in keys)) return;
  if (choosing || (busy && event.key === " ")) return;
  event.preventDefault();
  keys[event.key]();
}

function turnTo(name) {
  stage?.look(name);
  ask();
}

/** `#frame=50&view=side`; without a frame the clip plays, unless motion is unwelcome. */
function readHash(first) {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (Object.hasOwn(LOOKS, asked.get("view") ?? "")) turnTo(asked.get("view"));
  const frame = Number.parseInt(asked.get("frame") ?? "", 10);
  if (!Number.isNaN(frame)) goTo(frame);
  else if (first) play(!calm);
}

function fitStage() {
  const { clientWidth, clientHeight } = $("stage");
  stage?.resize(clientWidth, clientHeight);
  ask();
}

$("meaning").textContent = meaning(clip);
$("axes").lastElementChild.append(...clip.axes.map((words) => make("li", words)));
$("key").lastElementChild.hidden = !timeline.lost.some((share) => share > 0);
$("facts").append(...facts(clip, stage).map((words) => make("li", words)));
writePeople();
writeMarks();
// As wide as the widest, so that nothing beside it moves.
$("now").style.minWidth = `${2 * String(clip.frames).length + (clip.timed ? 9 + clip.until.toFixed(2).length : 6)}ch`;
$("follow-label").hidden = clip.frame === "root";
$("apart-label").hidden = !stage?.stacked;
$("apart").checked = stage?.apart ?? false;
$("apart").addEventListener("change", () => {
  stage.apart = $("apart").checked;
  stage.layGround();
  stage.paint();
  turnTo("turned");
});
$("play").addEventListener("click", () => play(!state.playing));
$("play").disabled = clip.frames < 2;
$("everybody").addEventListener("click", ({ target }) => {
  if (target.dataset.all !== undefined) showPeople(() => target.dataset.all !== "");
});
$("looks").addEventListener("click", ({ target }) => target.dataset.view && turnTo(target.dataset.view));
$("view").addEventListener("pointermove", (event) => stage && !event.buttons && nameJoint(event));
$("view").addEventListener("click", (event) => stage && nameJoint(event));
document.addEventListener("keydown", onKey);
addEventListener("hashchange", () => readHash(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
new ResizeObserver(fitStage).observe($("stage"));
fitStage();
stage?.look("turned");
paint();
readHash(true);
