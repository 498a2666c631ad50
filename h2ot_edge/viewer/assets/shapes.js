// What is drawn: many balls and sticks, and lines.

const ABOVE = new THREE.Vector3(0, 1, 0);

/** Many copies of one shape in two meshes, one solid and one faint; a copy is in one or in neither. */
class Shapes {
  constructor(scene, shape, count) {
    this.count = count;
    this.points = shape.getAttribute("position").array;
    this.normals = shape.getAttribute("normal").array;
    this.corners = shape.index.array;
    const shared = {};
    for (const name of ["position", "normal", "color"]) {
      shared[name] = new THREE.BufferAttribute(new Float32Array(count * this.points.length), 3);
    }
    this.shared = shared;
    this.solid = this.mesh(scene, {});
    this.faint = this.mesh(scene, { transparent: true, opacity: 0.3, depthWrite: false });
  }

  mesh(scene, style) {
    const shape = new THREE.BufferGeometry();
    for (const [name, numbers] of Object.entries(this.shared)) shape.setAttribute(name, numbers);
    shape.setIndex(new THREE.BufferAttribute(new Uint32Array(this.count * this.corners.length), 1));
    const mesh = new THREE.Mesh(shape, new THREE.MeshLambertMaterial({ vertexColors: true, ...style }));
    mesh.frustumCulled = false;
    scene.add(mesh);
    return mesh;
  }

  begin() {
    for (const mesh of [this.solid, this.faint]) mesh.geometry.drawRange.count = 0;
  }

  /** Turn, stretch and move a copy to where it belongs; the columns of `matrix` are orthogonal. */
  put(place, { elements: m }, valid) {
    const { points, normals, corners } = this;
    const squares = [0, 4, 8].map((n) => m[n] ** 2 + m[n + 1] ** 2 + m[n + 2] ** 2);
    const [position, normal] = [this.shared.position.array, this.shared.normal.array];
    const first = place * points.length;
    for (let n = 0; n < points.length; n += 3) {
      const [x, y, z] = [points[n], points[n + 1], points[n + 2]];
      const [p, q, r] = [normals[n] / squares[0], normals[n + 1] / squares[1], normals[n + 2] / squares[2]];
      for (let axis = 0; axis < 3; axis++) {
        position[first + n + axis] = m[axis] * x + m[4 + axis] * y + m[8 + axis] * z + m[12 + axis];
        normal[first + n + axis] = m[axis] * p + m[4 + axis] * q + m[8 + axis] * r;
      }
    }
    const { index, drawRange } = (valid ? this.solid : this.faint).geometry;
    for (let n = 0; n < corners.length; n++) index.array[drawRange.count + n] = corners[n] + first / 3;
    drawRange.count += corners.length;
  }

  end() {
    this.shared.position.needsUpdate = this.shared.normal.needsUpdate = true;
    for (const { geometry } of [this.solid, this.faint]) geometry.index.needsUpdate = true;
  }

  paint(colour) {
    const { color } = this.shared;
    for (let n = 0; n < color.count; n++) colour(Math.floor((3 * n) / this.points.length)).toArray(color.array, 3 * n);
    color.needsUpdate = true;
  }
}

function linesOf(points) {
  const shape = new THREE.BufferGeometry();
  shape.setAttribute("position", new THREE.BufferAttribute(new Float32Array(points), 3));
  return new THREE.LineSegments(shape, new THREE.LineBasicMaterial());
}

function stickBetween(from, to, thick) {
  const along = to.clone().sub(from);
  const long = along.length();
  if (!(long > 1e-9)) return null; // NaN too
  const turn = new THREE.Quaternion().setFromUnitVectors(ABOVE, along.divideScalar(long));
  const middle = from.clone().add(to).multiplyScalar(0.5);
  return new THREE.Matrix4().compose(middle, turn, new THREE.Vector3(thick, long, thick));
}
