/* One pixel, one neuron: the reader turns a plane through the colours of the 256 levels.

   The picture is a parallel projection of one curve and one plane, drawn as SVG in forty lines. A
   three-dimensional library would weigh as much as the whole page, needs WebGL, which is missing or
   slow on many machines, and gives a bitmap that neither follows the theme nor prints; here there are
   256 dots, and depth is known without a z-buffer: what fires lies on one side of the plane. */
"use strict";

Explorers.define("plane", (root, data, live) => {
  const { make, draw, patternOf, text } = Explorers;
  const tables = Explorers.bytes(data.tables);
  const presets = Object.fromEntries(data.presets.map(([name, runs]) => [name, patternOf(runs)]));
  const slug = (name) => name.replaceAll(" ", "-");
  const degrees = Math.PI / 180;

  // What the reader can change. `best`: take the best plane for the wanted pattern, if there is one.
  const state = {
    map: data.colormap, want: data.want, a: 0, b: 0, outside: false,
    best: true, turn: 0, tilt: 0, shift: 0, view: [...data.view],
    zoom: [1, 0, 0], // and where the cube's middle is drawn
  };
  let colours, plane, wanted, answer;

  // --- Geometry, in bytes ---------------------------------------------------------------------

  const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
  const minus = (u, v) => [u[0] - v[0], u[1] - v[1], u[2] - v[2]];
  const times = (u, k) => [u[0] * k, u[1] * k, u[2] * k];
  const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];

  /** Nearest point to the origin on the flat through `points` (1 to 4), if it lies within their
      simplex: its squared distance, a vector along it, and whole-numbered weights of the points. */
  function nearest(points) {
    const [n, a, b, c] = points;
    if (points.length === 1) return { square: dot(n, n), normal: n, weights: [1] };
    if (points.length === 2) {
      const edge = minus(a, n);
      const weights = [dot(a, edge), -dot(n, edge)];
      if (!weights.every((w) => w > 0)) return null;
      const normal = cross(edge, cross(n, edge));
      return { square: dot(normal, n) / dot(edge, edge), normal, weights };
    }
    if (points.length === 3) {
      const normal = cross(minus(a, n), minus(b, n));
      const weights = [cross(a, b), cross(b, n), cross(n, a)].map((side) => dot(normal, side));
      if (!weights.every((w) => w > 0)) return null;
      const height = dot(normal, n);
      return { square: height ** 2 / dot(normal, normal), normal: times(normal, Math.sign(height)), weights };
    }
    const volumes = [dot(a, cross(b, c)), -dot(n, cross(b, c)), -dot(n, cross(c, a)), -dot(n, cross(a, b))];
    const sign = Math.sign(volumes[0]);
    if (!sign || !volumes.every((v) => v * sign > 0)) return null;
    return { square: 0, normal: [0, 0, 0], weights: volumes.map(Math.abs) };
  }

  /** The best plane for a pattern, or the proof that there is none: Gilbert, Johnson and Keerthi's
      descent to the point of {firing − silent colours} nearest the origin, as in
      `single_pixel.separating_plane`. Colours are whole numbers and directions unnormalised, so
      every comparison that decides is exact.
      → {margin, weights, bias} or {margin: 0, mixture: {fires, silent}}, levels with whole weights
      whose weighted colours are equal. A pattern that fires everywhere or nowhere: {margin: ∞}. */
  function separate(pattern) {
    const fires = [], silent = [];
    pattern.forEach((on, level) => (on ? fires : silent).push(level));
    if (!fires.length || !silent.length) return { margin: Infinity };
    const vertex = (i, j) => ({ i, j, at: minus(colours[i], colours[j]) });
    const extreme = (levels, direction, sign) => {
      let best = levels[0], least = Infinity;
      for (const level of levels) {
        const height = sign * dot(direction, colours[level]);
        if (height < least) [best, least] = [level, height];
      }
      return best;
    };
    let simplex = [], newest = vertex(fires[0], silent[0]);
    for (let round = 0; round < 500; round++) {
      let found = null, kept = [];
      for (let choice = 0; choice < 2 ** simplex.length; choice++) { // faces that hold the new vertex
        const face = [newest, ...simplex.filter((_, k) => (choice >> k) & 1)];
        const candidate = nearest(face.map((v) => v.at));
        if (candidate && (!found || candidate.square < found.square)) [found, kept] = [candidate, face];
      }
      const { normal } = found;
      const above = dot(normal, kept[0].at);
      if (above <= 0) return { margin: 0, mixture: mixture(kept, found.weights) };
      newest = vertex(extreme(fires, normal, 1), extreme(silent, normal, -1));
      if (above <= dot(normal, newest.at)) {
        const length = Math.hypot(...normal);
        const weights = times(normal, 1 / length);
        const inner = dot(weights, colours[newest.i]), outer = dot(weights, colours[newest.j]);
        return { margin: above / length / 2, weights, bias: -(inner + outer) / 2 };
      }
      simplex = kept;
    }
    throw new Error("the search for a plane did not converge");
  }

  function mixture(vertices, weights) {
    const sides = { fires: new Map(), silent: new Map() };
    vertices.forEach(({ i, j }, k) => {
      sides.fires.set(i, (sides.fires.get(i) ?? 0) + weights[k]);
      sides.silent.set(j, (sides.silent.get(j) ?? 0) + weights[k]);
    });
    const gcd = (x, y) => (y ? gcd(y, x % y) : x);
    const divisor = weights.reduce(gcd);
    const list = (side) => [...side].map(([level, weight]) => [level, weight / divisor]).sort((p, q) => p[0] - q[0]);
    return { fires: list(sides.fires), silent: list(sides.silent) };
  }

  /** The neuron of the sliders: it fires where the colour lies `shift` or more from the cube's
      middle, along the direction of `turn` (about the blue axis) and `tilt` (up from red and green). */
  function turned() {
    const [turn, tilt] = [state.turn * degrees, state.tilt * degrees];
    const weights = [Math.cos(tilt) * Math.cos(turn), Math.cos(tilt) * Math.sin(turn), Math.sin(tilt)];
    return { weights, bias: -state.shift - dot(weights, [127.5, 127.5, 127.5]) };
  }

  const round = (value) => Number(value.toFixed(4));
  const anglesOf = (weights) => ({
    turn: round(Math.atan2(weights[1], weights[0]) / degrees),
    tilt: round(Math.asin(Math.max(-1, Math.min(1, weights[2]))) / degrees),
  });
  const toSliders = ({ weights, bias }) =>
    Object.assign(state, anglesOf(weights), { shift: round(-bias - dot(weights, [127.5, 127.5, 127.5])) });

  // --- The picture ----------------------------------------------------------------------------

  const corners = Array.from({ length: 8 }, (_, k) => [k & 1, (k >> 1) & 1, k >> 2].map((bit) => 255 * bit));
  const edges = corners.flatMap((_, k) => [1, 2, 4].filter((bit) => !(k & bit)).map((bit) => [k, k | bit]));

  /** Corners of the plane within the cube, in order around it. */
  function polygon({ weights, bias }) {
    const height = corners.map((corner) => dot(weights, corner) + bias);
    const points = edges.filter(([p, q]) => height[p] < 0 !== height[q] < 0).map(([p, q]) => {
      const share = height[p] / (height[p] - height[q]);
      return corners[p].map((x, axis) => x + share * (corners[q][axis] - x));
    });
    if (points.length < 3) return [];
    const middle = times(points.reduce((sum, point) => sum.map((x, axis) => x + point[axis])), 1 / points.length);
    const first = minus(points[0], middle), second = cross(weights, first);
    const angle = (point) => Math.atan2(dot(minus(point, middle), second), dot(minus(point, middle), first));
    return points.sort((p, q) => angle(p) - angle(q));
  }

  function camera() {
    const [turn, lift] = state.view.map((angle) => angle * degrees);
    return {
      right: [-Math.sin(turn), Math.cos(turn), 0],
      up: [-Math.sin(lift) * Math.cos(turn), -Math.sin(lift) * Math.sin(turn), Math.cos(lift)],
      towards: [Math.cos(lift) * Math.cos(turn), Math.cos(lift) * Math.sin(turn), Math.sin(lift)],
    };
  }

  const layers = { frame: draw("g", { class: "cube-frame" }), far: draw("g"), plane: draw("polygon", { class: "cube-plane" }), near: draw("g"), proof: draw("g", { class: "cube-proof" }) };
  const dots = Array.from({ length: 256 }, () => draw("circle"));
  // rims, so that black is seen on the dark page and white on the light one
  const rims = { near: draw("path", { class: "cube-rim" }), far: draw("path", { class: "cube-rim" }) };
  const cube = draw("svg", {
    class: "explorer-cube", viewBox: "-224 -216 448 432", tabindex: 0, role: "application",
    "aria-roledescription": "plane in the colour cube",
    "aria-label": "Colours of the levels in the RGB cube and the neuron's plane. Arrow keys turn the plane, Page up and Page down shift it; with Shift, arrow keys turn the view; plus and minus zoom.",
  }, ...Object.values(layers));

  function paintCube() {
    const { right, up, towards } = camera();
    const centred = (point) => minus(point, [127.5, 127.5, 127.5]);
    const [zoom, x, y] = state.zoom;
    const place = (point) => [x + zoom * dot(centred(point), right), y - zoom * dot(centred(point), up)];
    cube.classList.toggle("zoomed", zoom > 1);
    const depth = (point) => dot(centred(point), towards);
    const hidden = corners.reduce((p, q) => (depth(q) < depth(p) ? q : p));
    layers.frame.replaceChildren(
      ...edges.map(([p, q]) => {
        const [[x1, y1], [x2, y2]] = [place(corners[p]), place(corners[q])];
        return draw("line", { x1, y1, x2, y2, class: [corners[p], corners[q]].includes(hidden) ? "behind" : "" });
      }),
      ...["R", "G", "B"].map((name, axis) => {
        const end = [0, 0, 0];
        end[axis] = 255;
        const [x, y] = place(end.map((value, k) => (k === axis ? value + 26 : value - 4)));
        return draw("text", { x, y }, name);
      }),
    );
    layers.plane.setAttribute("points", polygon(plane).map((point) => place(point).join()).join(" "));
    const firesNear = dot(plane.weights, towards) > 0;
    const order = colours.map((_, level) => level).sort((p, q) => depth(colours[p]) - depth(colours[q]));
    const sides = { near: [], far: [] };
    for (const level of order) {
      const [cx, cy] = place(colours[level]).map((value) => value.toFixed(2));
      const on = answer.fires[level];
      for (const [name, value] of Object.entries({ cx, cy, r: on ? 6.5 : 2.6 })) dots[level].setAttribute(name, value);
      dots[level].setAttribute("fill", `rgb(${colours[level]})`);
      sides[on === firesNear ? "near" : "far"].push(dots[level]);
    }
    for (const side of ["far", "near"]) {
      const spots = sides[side].map((spot) => `M${spot.getAttribute("cx")} ${spot.getAttribute("cy")}h0`);
      rims[side].setAttribute("d", spots.join(""));
      rims[side].setAttribute("stroke-width", (side === "near") === firesNear ? 14.6 : 6.8);
      layers[side].replaceChildren(rims[side], ...sides[side]);
    }
    const { mixture } = answer.solution;
    if (!mixture) return layers.proof.replaceChildren();
    // the colour that two mixtures share, and the levels that they are mixed of
    const total = mixture.fires.reduce((sum, [, weight]) => sum + weight, 0);
    const common = [0, 1, 2].map((axis) => mixture.fires.reduce((sum, [level, weight]) => sum + weight * colours[level][axis], 0) / total);
    const [x2, y2] = place(common);
    const rays = ["fires", "silent"].flatMap((side) => mixture[side].map(([level]) => {
      const [x1, y1] = place(colours[level]);
      return draw("line", { x1, y1, x2, y2, class: side });
    }));
    return layers.proof.replaceChildren(...rays, draw("circle", { cx: x2, cy: y2, r: 5 }));
  }

  // --- A sound whose pixels have these levels -------------------------------------------------

  const heard = data.picture && Explorers.bytes(data.picture);
  const screen = heard && make("canvas", { width: data.width, height: data.height, role: "img" });
  const told = make("figcaption");

  /** Each pixel in its level's colour where the neuron fires, and far darker where it does not. */
  function paintSound() {
    let lit = 0;
    Explorers.paint(screen, data.width, data.height, (k) => {
      const row = data.height - 1 - Math.floor(k / data.width); // low frequencies at the bottom
      const level = heard[row * data.width + (k % data.width)];
      const on = answer.fires[level];
      lit += Number(on);
      return times(colours[level], on ? 1 : 0.15);
    });
    const share = lit / heard.length;
    told.textContent = `${data.heard} The neuron fires on ${text(100 * share, 1)} % of its pixels; the others are dimmed.`;
    screen.setAttribute("aria-label", told.textContent);
    root.dataset.lit = lit;
  }

  // --- Controls -------------------------------------------------------------------------------

  const chooser = Explorers.choice("Colormap", data.names, (name) => change({ map: name }));
  const presetButtons = data.presets.map(([name]) =>
    make("button", { type: "button", onclick: () => change({ want: name, best: true }) }, name));
  const edge = (which, name) => Explorers.slider(name, { min: 0, max: 255, step: 1 }, (value) => {
    const other = which === "a" ? Math.max(value, state.b) : Math.min(value, state.a);
    change({ want: null, [which]: value, [which === "a" ? "b" : "a"]: other, best: false });
  });
  const [from, to] = [edge("a", "from level"), edge("b", "to level")];
  const outside = make("input", { type: "checkbox", onchange: () => change({ want: null, outside: outside.checked, best: false }) });
  const find = make("button", { type: "button", class: "explorer-main", onclick: () => change({ best: true }) }, "Find the plane for this band");
  const bySlider = (name, key, attributes) => Explorers.slider(name, attributes, (value) => change({ [key]: value, best: false }));
  const sliders = {
    turn: bySlider("turn", "turn", { min: -180, max: 180, step: 1 }),
    tilt: bySlider("tilt", "tilt", { min: -90, max: 90, step: 1 }),
    shift: bySlider("shift", "shift", { min: -221, max: 221, step: 0.5 }),
  };
  const viewing = make("input", { type: "checkbox" });
  const zoomed = Explorers.slider("zoom", { min: 1, max: 6, step: 0.1 }, (value) => zoom(value / state.zoom[0]));
  const rows = {
    colours: Explorers.strip("colours of the levels 0 to 255"),
    fires: Explorers.bars(),
    wanted: Explorers.bars(),
  };
  const now = make("p", { class: "explorer-now" });
  const verdict = make("p", { class: "explorer-verdict" });
  const neuron = make("p", { class: "explorer-neuron" });
  const status = Explorers.announcer();
  const group = (name, ...children) => make("fieldset", {}, make("legend", {}, name), ...children);

  // --- Turning and zooming --------------------------------------------------------------------

  const within = (most, value) => Math.max(-most, Math.min(most, value));
  const wrap = (angle) => ((((angle + 180) % 360) + 360) % 360) - 180;

  /** A direction turned about a unit axis. */
  const about = (axis, angle, v) => [0, 1, 2].map((k) => v[k] * Math.cos(angle)
    + cross(axis, v)[k] * Math.sin(angle) + axis[k] * dot(axis, v) * (1 - Math.cos(angle)));

  /** What faces the reader goes right and up by degrees: of the plane, or of everything. */
  function turn(which, sideways, upwards) {
    if (which === "view") {
      const [across, lift] = state.view;
      return change({ view: [wrap(across - sideways), within(90, lift - upwards)].map(round) });
    }
    const { right, up } = camera();
    return change({ ...anglesOf(about(right, -upwards * degrees, about(up, sideways * degrees, plane.weights))), best: false });
  }

  /** Enlarge about a point of the drawing, which goes to another. */
  function zoom(factor, [x, y] = [0, 0], [toX, toY] = [x, y]) {
    const [old, left, top] = state.zoom;
    const next = Math.max(1, Math.min(6, old * factor));
    const moved = [toX - ((x - left) * next) / old, toY - ((y - top) * next) / old];
    change({ zoom: [next, ...moved.map((value) => within(221 * (next - 1), value))].map(round) });
  }

  // What is thrown coasts, unless the reader wants it still.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0, trail = [];
  function halt() {
    cancelAnimationFrame(frame);
    delete root.dataset.coasting;
  }
  function coast(which, speed, since) { // degrees a millisecond
    root.dataset.coasting = "";
    frame = requestAnimationFrame((now) => {
      const span = Math.max(0, Math.min(50, now - since));
      turn(which, ...times([...speed, 0], span).slice(0, 2));
      const slower = speed.map((one) => one * Math.exp(-span / 200));
      if (Math.hypot(...slower) > 0.01) coast(which, slower, now);
      else halt();
    });
  }
  for (const kind of ["pointerdown", "keydown", "input"]) root.addEventListener(kind, halt, true);

  const fingers = new Map(); // where each pointer is
  const drawn = ([x, y]) => {
    const { a, e, f } = cube.getScreenCTM();
    return [(x - e) / a, (y - f) / a];
  };
  const chosen = (event) => (event.shiftKey || viewing.checked ? "view" : "plane");

  cube.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    cube.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    trail = [];
  });
  cube.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()], [x, y] = fingers.get(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (before.length === 1) {
      const move = [(event.clientX - x) / 2, (y - event.clientY) / 2];
      trail = [...trail.slice(-20), { move, at: event.timeStamp }];
      return turn(chosen(event), ...move);
    }
    const [p, q] = before, [r, t] = fingers.values();
    const apart = (u, v) => Math.max(1, Math.hypot(u[0] - v[0], u[1] - v[1]));
    const middle = (u, v) => drawn([(u[0] + v[0]) / 2, (u[1] + v[1]) / 2]);
    return zoom(apart(r, t) / apart(p, q), middle(p, q), middle(r, t));
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    cube.addEventListener(kind, (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size || kind !== "pointerup" || calm.matches) return;
      const last = trail.filter(({ at }) => event.timeStamp - at < 80);
      const speed = [0, 1].map((axis) => last.reduce((sum, { move }) => sum + move[axis], 0) / 80);
      const most = Math.hypot(...speed);
      if (most > 0.05) coast(chosen(event), speed.map((one) => (one * Math.min(most, 0.25)) / most), event.timeStamp);
    });
  }
  cube.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // what a touch pad's pinch looks like; else the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), drawn([event.clientX, event.clientY]));
  }, { passive: false });
  cube.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-3, 0], ArrowRight: [3, 0], ArrowUp: [0, 3], ArrowDown: [0, -3] }[event.key];
    const push = { PageUp: 3, PageDown: -3 }[event.key];
    const factor = { "+": 1.25, "=": 1.25, "-": 0.8 }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey || !(step || push || factor)) return;
    event.preventDefault();
    if (factor) zoom(factor);
    else if (push) change({ shift: within(221, state.shift + push), best: false });
    else turn(chosen(event), ...step);
  });

  // --- State → page ---------------------------------------------------------------------------

  function change(values, byReader = true) {
    Object.assign(state, values);
    const first = 768 * data.names.indexOf(state.map);
    const table = tables.subarray(first, first + 768);
    colours = Array.from({ length: 256 }, (_, level) => [...table.subarray(3 * level, 3 * level + 3)]);
    wanted = state.want ? presets[state.want] : patternOf([[state.a, state.b]]).map((inside) => inside !== state.outside);
    if (state.want) { // show it as a band, if it is one
      const [inside, rest] = [Explorers.runs(wanted), Explorers.runs(wanted.map((on) => !on))];
      state.outside = inside.length > 1 && rest.length === 1;
      [state.a, state.b] = (state.outside ? rest : inside).at(-1);
    }
    const solution = separate(wanted);
    const found = Boolean(state.best && solution.weights);
    plane = found ? solution : turned(); // where there is none, it stays where it was
    if (found) toSliders(plane);
    const distance = colours.map((colour) => dot(plane.weights, colour) + plane.bias);
    const fires = distance.map((d) => d >= 0);
    answer = { found, fires, margin: Math.min(...distance.map(Math.abs)), best: separate(fires), solution };
    paintCube();
    if (heard) paintSound();
    paintRest(table);
    where.write(toFragment(), byReader);
  }

  function paintRest(table) {
    chooser.list.value = state.map;
    presetButtons.forEach((button) => button.setAttribute("aria-pressed", button.textContent === state.want));
    from.show(state.a, `${state.a}`);
    to.show(state.b, `${state.b}`);
    outside.checked = state.outside;
    const bands = Explorers.runs(wanted).length - Number(state.outside);
    find.textContent = bands > 1 ? "Find the plane for these bands" : "Find the plane for this band";
    sliders.turn.show(state.turn, `${text(state.turn, 0)}°`);
    sliders.tilt.show(state.tilt, `${text(state.tilt, 0)}°`);
    sliders.shift.show(state.shift, `${text(state.shift, 1)}/255`);
    zoomed.show(state.zoom[0], `${text(state.zoom[0], 1)} ×`);
    rows.colours.paint(table);
    rows.fires.paint(answer.fires, `the neuron fires on ${Explorers.inWords(answer.fires)}`);
    rows.wanted.paint(wanted, `wanted: ${Explorers.inWords(wanted)}`);
    const [w, b] = [plane.weights, plane.bias / 255];
    neuron.textContent = `H(${text(w[0])} R + ${text(w[1])} G + ${text(w[2])} B + ${text(b)})`.replaceAll("+ −", "− ");
    const count = answer.fires.filter(Boolean).length;
    const most = answer.best.margin;
    now.textContent = `Fires on ${Explorers.inWords(answer.fires)}: ${count} of 256. `
      + `The nearest colour is ${text(answer.margin)}/255 away`
      + (Number.isFinite(most) ? `; the best plane for this pattern keeps ${text(most)}/255.` : ".");
    verdict.textContent = sayVerdict();
    verdict.dataset.made = answer.solution.margin > 0;
    status.say(`${now.textContent} ${verdict.textContent}`);
    Object.assign(root.dataset, {
      pattern: answer.fires.map(Number).join(""),
      margin: answer.margin / 255,
      wantedMargin: answer.solution.margin / 255,
      certificate: JSON.stringify(answer.solution.mixture ?? null),
    });
  }

  function sayVerdict() {
    const name = `Wanted${state.want ? `, ${state.want}` : ""}: ${Explorers.inWords(wanted)}.`;
    const { margin, mixture } = answer.solution;
    const wrong = wanted.filter((on, level) => on !== answer.fires[level]).length;
    const here = wrong ? ` This plane is wrong on ${wrong} level${wrong > 1 ? "s" : ""}.` : " This plane makes it.";
    if (margin === Infinity) return `${name} Any plane beside the cube makes it.${here}`;
    if (margin > 0) return `${name} A plane can make it, with a margin of ${text(margin)}/255 at best.${here}`;
    const mix = (side) => {
      const total = side.reduce((sum, [, weight]) => sum + weight, 0);
      const parts = side.map(([level, weight]) => (side.length > 1 ? `${text((100 * weight) / total, 0)}\u00a0% of ` : "") + `level ${level}`);
      return parts.join(" + ");
    };
    return `${name} No plane makes it. Proof: ${mix(mixture.fires)}, which should fire, `
      + `${mixture.fires.length > 1 ? "mix to" : "has"} exactly the colour of ${mix(mixture.silent)}, which should not.${here}`;
  }

  function toFragment() {
    const want = state.want ? slug(state.want) : `${state.outside ? "not-" : ""}${state.a}-${state.b}`;
    const free = answer.found ? {} : { turn: state.turn, tilt: state.tilt, shift: state.shift };
    return { map: state.map, want, ...free, view: state.view.join(), ...(state.zoom[0] > 1 ? { zoom: state.zoom.join() } : {}) };
  }

  /** Take a view from the address; what it does not say, or says wrongly, stays as it is. */
  function restore(query) {
    const next = { best: !query.has("shift") };
    if (data.names.includes(query.get("map"))) next.map = query.get("map");
    const preset = data.presets.find(([name]) => slug(name) === query.get("want"));
    const band = /^(not-)?(\d{1,3})-(\d{1,3})$/.exec(query.get("want") ?? "");
    if (preset) next.want = preset[0];
    else if (band && Number(band[2]) <= Number(band[3]) && Number(band[3]) < 256) {
      Object.assign(next, { want: null, outside: Boolean(band[1]), a: Number(band[2]), b: Number(band[3]) });
    }
    for (const [key, most] of Object.entries({ turn: 180, tilt: 90, shift: 221 })) {
      const value = Number(query.get(key));
      if (query.has(key) && Math.abs(value) <= most) next[key] = value;
    }
    const view = (query.get("view") ?? "").split(",").map(Number);
    if (view.length === 2 && Math.abs(view[0]) <= 180 && Math.abs(view[1]) <= 90) next.view = view;
    const enlarged = (query.get("zoom") ?? "1,0,0").split(",").map(Number);
    const inside = enlarged.slice(1).every((value) => Math.abs(value) <= 221 * (enlarged[0] - 1));
    if (enlarged.length === 3 && enlarged[0] >= 1 && enlarged[0] <= 6 && inside) next.zoom = enlarged;
    halt();
    change(next, false);
  }

  const where = Explorers.address("plane", root, restore);
  const ticks = make("div", { class: "explorer-ticks", "aria-hidden": "true" }, ...[0, 64, 128, 192, 255].map((level) => make("span", {}, `${level}`)));
  live.append(
    make("div", { class: "explorer-columns" },
      make("div", { class: "explorer-sight" }, cube,
        make("div", { class: "explorer-strips" },
          make("span", {}, "colour"), rows.colours, make("span", {}, "fires"), rows.fires,
          make("span", {}, "wanted"), rows.wanted, make("span", {}, "level"), ticks),
        make("p", { class: "explorer-hint" }, "Drag, or use the arrow keys: turns the plane. Two fingers, + and −: zoom. Page up, Page down: shifts it. Large dots fire."),
        make("label", { class: "explorer-check" }, viewing, " turn the view instead"),
        now, verdict),
      ...(heard ? [make("figure", { class: "explorer-heard" }, screen, told)] : []),
      make("div", {},
        chooser.node,
        group("Wanted pattern", make("div", { class: "explorer-buttons" }, ...presetButtons), from.node, to.node,
          make("label", { class: "explorer-check" }, outside, " fire outside the band, not inside"), find),
        group("Plane", sliders.turn.node, sliders.tilt.node, sliders.shift.node, neuron),
        group("View", zoomed.node))),
    where.link, status,
  );
  change({}, false);
  where.open();
});
