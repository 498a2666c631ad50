// The bar below: what was kept, what is not valid, where one is.

const MARGIN = 8;

class Timeline {
  constructor(canvas, clip, go) {
    this.canvas = canvas;
    this.clip = clip;
    canvas.setAttribute("aria-valuemax", clip.frames - 1);
    const jump = (event) => go(this.frameUnder(event.clientX));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      jump(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) jump(event);
    });
    this.count();
  }

  /** Of each frame the share of joints that do not count, and of people it was kept of. */
  count() {
    this.kept = Float32Array.from({ length: this.clip.frames }, (_, frame) => {
      const { kept, all } = this.clip.keptAt(frame);
      return all ? kept / all : 0;
    });
    this.lost = Float32Array.from({ length: this.clip.frames }, (_, frame) => {
      const { valid, all } = this.clip.countAt(frame);
      return all ? 1 - valid / all : 0;
    });
  }

  get pitch() {
    return (this.canvas.clientWidth - 2 * MARGIN) / this.clip.frames;
  }

  frameUnder(clientX) {
    const along = clientX - this.canvas.getBoundingClientRect().left - MARGIN;
    return Math.max(0, Math.min(this.clip.frames - 1, Math.floor(along / this.pitch)));
  }

  draw(frame) {
    const { canvas, clip, pitch } = this;
    const dots = Math.min(devicePixelRatio, 2);
    canvas.width = Math.round(canvas.clientWidth * dots);
    canvas.height = Math.round(canvas.clientHeight * dots);
    const pen = canvas.getContext("2d");
    pen.scale(dots, dots);
    const box = (colour, from, to, top, height) => {
      const [left, right] = [from, to].map((number) => Math.round((MARGIN + number * pitch) * dots) / dots);
      pen.fillStyle = colour;
      pen.fillRect(left, top, Math.max(right - left, 1), height);
    };
    box(colourOf("bar"), 0, clip.frames, 14, 16);
    box(colourOf("done"), 0, frame + 1, 14, 16);
    const kept = colourOf("kept");
    // A gap shows that two neighbours are two, as long as there is room for it.
    this.kept.forEach((share, number) => {
      if (share > 0) box(kept, number, number + (pitch > 3 ? 0.7 : 1), 12 - 9 * share, 9 * share);
    });
    const lost = colourOf("lost");
    this.lost.forEach((share, number) => {
      if (share > 0) box(lost, number, number + 1, 32, 3 + 6 * share);
    });
    const x = MARGIN + (frame + 0.5) * pitch;
    pen.fillStyle = colourOf("ink");
    pen.fillRect(x - 1, 2, 2, 40);
    pen.beginPath();
    pen.arc(x, 22, 6, 0, 2 * Math.PI);
    pen.fill();
  }
}
