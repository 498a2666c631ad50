// What the page says.

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function signed(value) {
  return value.toFixed(3).replace("-", "\u2212");
}

/** What the numbers are, in one line. */
function meaning(clip) {
  const places = {
    root: "Root-relative: the hip is at the origin in every frame; where the person goes is not in these numbers",
    camera: "Seen from the camera, which is the origin",
    world: "World: z is up",
  };
  const unit = clip.unit === "m" ? "metres" : "normalised units: 1 is about half the image's width at the person";
  return `${places[clip.frame]} \u00b7 ${unit}`;
}

function facts(clip, stage) {
  const many = clip.people.length > 1;
  const ground = clip.frame === "world" ? "at z = 0" : "below the lowest joints, which need not be a floor";
  const worst = Math.max(...clip.people.map(({ error }) => error));
  const rate = clip.fps === null ? "" : ` at ${Number(clip.fps.toFixed(3))} frames a second`;
  const done = clip.people.map(({ filters }) => filters.join(", ") || "nothing");
  const alike = new Set(done).size === 1;
  return [
    `${clip.frames} frames${rate}${clip.timed ? "" : "; the frame rate is not known, played at 30 a second"}`,
    `Axes: ${clip.axes.join(", ")}`,
    ...(stage ? [`Grid: ${Number(stage.cell.toPrecision(3))}${clip.suffix} a cell, ${ground}`] : []),
    ...(stage?.stacked ? ["Side by side: people are drawn apart, their numbers are not changed"] : []),
    `Positions are stored to ${clip.unit === "m" ? `${Number((1000 * worst).toPrecision(2))} mm` : worst}`,
    `Done to the poses: ${alike ? done[0] : done.map((each, n) => `${clip.people[n].name}: ${each}`).join("; ")}`,
    ...(many ? ["Trunks have the colours of people, limbs those of their sides"] : []),
    "Keys: space plays and pauses, arrows step (with Shift by 10), Home and End, 1 to 4 turn the view",
    "Mouse: drag turns, right drag moves, wheel zooms; fingers: one turns, two zoom and move",
    "Point at a joint for its name and numbers; #frame=50 behind the page's name opens at a frame",
  ];
}
