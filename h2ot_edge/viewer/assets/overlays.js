// What lies over the skeletons: axes and names.

/** Which way the data's axes point, into an <svg>. */
function drawAxes(stage, picture) {
  const lines = stage.directions().map(([x, y, z], axis) => ({ x, y, z, name: "xyz"[axis] }));
  lines.sort((one, other) => other.z - one.z); // the nearest last
  picture.replaceChildren(...lines.flatMap(({ x, y, z, name }) => {
    const line = document.createElementNS(picture.namespaceURI, "line");
    const text = document.createElementNS(picture.namespaceURI, "text");
    line.setAttribute("x2", 24 * x);
    line.setAttribute("y2", 24 * y);
    line.setAttribute("opacity", z > 0.5 ? 0.5 : 1);
    text.setAttribute("x", 33 * x);
    text.setAttribute("y", 33 * y);
    text.textContent = name;
    return [line, text];
  }));
}

/** Names over heads, one element of `labels` a person; of names that would cover each other the nearest. */
function drawLabels(stage, clip, frame, labels) {
  const tops = clip.people.map((person, number) => (person.shown ? stage.topOf(number, frame) : null));
  const placed = [];
  const order = tops.map((top, number) => ({
    top,
    label: labels.children[number],
    wide: Math.min(8 * clip.people[number].name.length + 12, 144),
  }));
  order.sort((one, other) => (one.top?.away ?? 0) - (other.top?.away ?? 0));
  for (const { top, label, wide } of order) {
    const besides = ([x, y, other]) => Math.abs(x - top.x) > (wide + other) / 2 || Math.abs(y - top.y) > 20;
    const free = top && placed.every(besides);
    label.hidden = !free;
    if (!free) continue;
    placed.push([top.x, top.y, wide]);
    label.style.transform = `translate(${top.x}px, ${top.y - 12}px) translate(-50%, -100%)`;
  }
}
