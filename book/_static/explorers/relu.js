/* A colormap as a layer of ReLUs: the best fit with as many knots as the reader allows, and with knots
   where the reader drags them.

   The best knots come with the page. The colours at the knots, best for any knots, the script finds itself;
   then it evaluates  A t + c + Σ v_k ReLU(t − τ_k)  and draws it. */
"use strict";

Explorers.define("relu", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const channels = ["red", "green", "blue"];
  const words = new Uint16Array(Explorers.bytes(data.tables).buffer); // in steps of 1/`data.scale` of 1/255
  const names = Object.keys(data.fits);
  const state = { map: data.colormap, size: data.size, own: null }; // `own`: the reader's knots
  const [width, height, left, bottom] = [Math.max(280, Math.min(500, live.clientWidth || 420)), 254, 34, 44];
  const best = () => {
    const { knots, errors, bounds } = data.fits[state.map], k = data.sizes.indexOf(state.size);
    return { knots: knots[k], error: errors[k], lower: bounds[k] };
  };

  // --- The best colours at given knots --------------------------------------------------------

  /** The part of a convex polygon where a x + b y ≤ c. */
  function clip(polygon, a, b, c) {
    const kept = [], beyond = ([x, y]) => a * x + b * y - c;
    polygon.forEach((q, k) => {
      const p = polygon.at(k - 1), [u, v] = [beyond(p), beyond(q)];
      if (u <= 0 !== v <= 0) kept.push([0, 1].map((axis) => p[axis] + ((q[axis] - p[axis]) * u) / (u - v)));
      if (v <= 0) kept.push(q);
    });
    return kept;
  }

  /** Of each piece, the heights (at its left, at its right) whose line is within `error` of the values, and goes
      on from the piece before: a polygon each. Null if there is no such curve. */
  function pieces(values, places, error) {
    const found = [];
    let range = [-512, 512];
    for (let k = 1; k < places.length; k++) {
      const [from, to] = [places[k - 1], places[k]];
      let polygon = [[range[0], -512], [range[1], -512], [range[1], 512], [range[0], 512]];
      for (let t = from; t <= to; t++) {
        const w = (t - from) / (to - from);
        polygon = clip(clip(polygon, 1 - w, w, values[t] + error), w - 1, -w, error - values[t]);
      }
      if (!polygon.length) return null;
      found.push(polygon);
      range = [Math.min, Math.max].map((most) => most(...polygon.map(([, right]) => right)));
    }
    return found;
  }

  /** Least largest error of a curve that bends at the knots, by bisection, and its heights at the places. */
  function fit(values, places) {
    let [low, high] = [0, 128], found = pieces(values, places, high);
    for (let round = 0; round < 32; round++) {
      const middle = (low + high) / 2, closer = pieces(values, places, middle);
      if (closer) [high, found] = [middle, closer];
      else low = middle;
    }
    const middle = (all) => (Math.min(...all) + Math.max(...all)) / 2;
    const heights = [middle(found.at(-1).map(([, right]) => right))];
    for (const polygon of found.reverse()) { // where the polygon is as high as what comes next
      const above = clip(polygon, 0, 1, heights[0]), below = clip(polygon, 0, -1, -heights[0]);
      const near = (side, most) => side.filter(([, y]) => Math.abs(y - heights[0]) <= most).map(([x]) => x);
      heights.unshift(middle([...near(above, 1e-9), ...near(below, 1e-9)]));
    }
    return { error: high, heights };
  }

  /** Colours of the levels by the ReLU formula, in units of 1/255: 256 rows of three. */
  function evaluate(knots, places, heights) {
    const slopes = heights.map((own) => own.slice(1).map((value, k) => (value - own[k]) / (places[k + 1] - places[k])));
    return Array.from({ length: 256 }, (_, t) => heights.map((own, c) =>
      knots.reduce((value, knot, k) => value + (slopes[c][k + 1] - slopes[c][k]) * Math.max(t - knot, 0), own[0] + slopes[c][0] * t)));
  }

  // --- The plot -------------------------------------------------------------------------------

  const x = (level) => left + (level / 255) * (width - left - 16);
  const y = (value) => 24 + (1 - value / 255) * (height - 32 - bottom);
  const [floor, base] = [y(0) + 8, y(0) + 28];
  const path = (values) => values.map((value, level) => `${level ? "L" : "M"}${x(level).toFixed(2)} ${y(value).toFixed(2)}`).join("");
  const levels = [0, 64, 128, 192, 255], shares = [0, 0.25, 0.5, 0.75, 1];
  const label = (x, y, anchor, words) => draw("text", { x, y, "text-anchor": anchor }, words);
  const axes = draw("g", { class: "curve-axes" },
    draw("path", { d: `M${left} 16V${floor}H${x(255)}`
      + levels.map((level) => `M${x(level)} ${floor}v5`).join("") + shares.map((share) => `M${left} ${y(255 * share)}h-5`).join("") }),
    ...levels.map((level) => label(x(level), base - 1, "middle", `${level}`)),
    label(x(127.5), height - 3, "middle", "level (0–255)"),
    ...shares.map((share) => label(left - 8, y(255 * share) + 4, "end", `${share}`.replace("0.", "."))),
    label(left + 4, 11, "start", "channel (0–1)"));
  const lines = channels.map((channel) => ({
    given: draw("path", { class: `curve-given ${channel}` }),
    fitted: draw("path", { class: `curve-fitted ${channel}` }),
  }));
  const frame = { x: left, y: 0, width: width - left - 12, height: floor };
  const inner = draw("svg", { ...frame, viewBox: Object.values(frame).join(" ") }, // cuts off what leaves the axes
    ...lines.map((line) => line.given), ...lines.map((line) => line.fitted));
  const handles = draw("g", { class: "curve-knots" });
  const plot = draw("svg", { class: "explorer-plot explorer-drag", viewBox: `0 0 ${width} ${height}`, role: "group" }, axes, inner, handles);

  /** Move a knot, as far as its neighbours let it. */
  function moveTo(k, level) {
    const knots = [...(state.own ?? best().knots)];
    const [low, high] = [(knots[k - 1] ?? 0) + 1, (knots[k + 1] ?? 255) - 1];
    knots[k] = Math.max(low, Math.min(high, Math.round(level)));
    change({ own: knots });
  }
  const handle = (k) => draw("g", { tabindex: 0, role: "slider", "aria-label": `Knot ${k + 1}`, onkeydown: (event) => {
    const at = Number(handles.children[k].getAttribute("aria-valuenow"));
    const to = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageDown: at - 10, PageUp: at + 10, Home: 0, End: 255,
    }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moveTo(k, to);
  } }, draw("path", { d: `M0 16V${floor}` }), draw("circle", { cy: floor, r: 6 }));

  /** The pointer takes the nearest knot within a finger's width. */
  let held = null;
  plot.addEventListener("pointerdown", (event) => {
    const box = plot.getBoundingClientRect(), scale = box.width / width;
    const far = (k) => Math.abs(x(shown.knots[k]) * scale - (event.clientX - box.left));
    const nearest = [...shown.knots.keys()].sort((a, b) => far(a) - far(b))[0];
    if (event.button !== 0 || nearest === undefined || far(nearest) > 22) return;
    held = { k: nearest, from: event.clientX, level: shown.knots[nearest], step: (x(1) - x(0)) * scale };
    plot.setPointerCapture(event.pointerId);
    handles.children[nearest].focus({ preventScroll: true });
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => held && moveTo(held.k, held.level + (event.clientX - held.from) / held.step));
  for (const end of ["pointerup", "pointercancel"]) plot.addEventListener(end, () => { held = null; });

  // --- The page -------------------------------------------------------------------------------

  const chooser = Explorers.choice("Colormap", names, (map) => change({ map, own: null }));
  const sizes = Explorers.slider("ReLUs", { min: 0, max: data.sizes.length - 1, step: 1 }, (k) => change({ size: data.sizes[k], own: null }));
  const reset = make("button", { type: "button", onclick: () => change({ own: null }) }, "The best knots");
  const rows = { given: Explorers.strip("the colormap"), fitted: Explorers.strip("the ReLU layer") };
  const result = make("p", { class: "explorer-now" });
  const formula = make("p", { class: "explorer-neuron" });
  const legend = make("p", { class: "explorer-hint" }, "Wide lines: the colormap. Thin lines: the ReLU layer. Vertical lines: its knots; drag them, or use the arrow keys. ",
    ...channels.map((channel) => make("span", { class: `explorer-key ${channel}` }, channel)));
  const status = Explorers.announcer();
  let shown = null;

  function change(values, byReader = true) {
    Object.assign(state, values);
    const { knots, error, lower } = best();
    if (state.own?.join() === knots.join()) state.own = null;
    shown = { knots: state.own ?? knots };
    const first = 768 * names.indexOf(state.map);
    const exact = channels.map((_, c) => Array.from({ length: 256 }, (_, t) => words[first + 3 * t + c] / data.scale));
    const given = Uint8Array.from({ length: 768 }, (_, k) => Math.floor(words[first + k] / data.scale + 0.5));
    const places = [0, ...shown.knots, 255];
    const fits = exact.map((channel) => fit(channel, places));
    const least = Math.max(...fits.map((one) => one.error));
    const fitted = evaluate(shown.knots, places, fits.map(({ heights }) => heights));
    const bytes = Uint8Array.from(fitted.flat(), (value) => Math.max(0, Math.min(255, Math.round(value))));
    lines.forEach((line, c) => {
      line.given.setAttribute("d", path(exact[c]));
      line.fitted.setAttribute("d", path(fitted.map((colour) => colour[c])));
    });
    if (handles.children.length !== shown.knots.length) handles.replaceChildren(...shown.knots.map((_, k) => handle(k)));
    shown.knots.forEach((knot, k) => {
      const limits = { "aria-valuemin": (shown.knots[k - 1] ?? 0) + 1, "aria-valuemax": (shown.knots[k + 1] ?? 255) - 1 };
      const told = { transform: `translate(${x(knot)})`, "aria-valuenow": knot, "aria-valuetext": `level ${knot}, error ${text(least)}/255`, ...limits };
      for (const [name, value] of Object.entries(told)) handles.children[k].setAttribute(name, value);
    });
    rows.given.paint(given);
    rows.fitted.paint(bytes);
    chooser.list.value = state.map;
    sizes.show(data.sizes.indexOf(state.size), `${state.size}`);
    sizes.input.setAttribute("aria-valuetext", `${state.size} ReLUs`);
    reset.disabled = !state.own;
    const off = bytes.filter((value, k) => value !== given[k]).length;
    result.textContent = `${state.map} with ${state.size} ReLUs`
      + (state.own ? ` at your knots: the largest error is ${text(least)}/255. The best knots have ${text(error)}/255. `
        : `: the largest error is ${text(error)}/255`
        + (lower > 0 ? `, and ${knots.length ? "no other knots get" : "no straight line gets"} below ${text(lower)}/255. ` : ". "))
      + (off ? `${off} of its 768 rounded values differ.` : "Rounded to bytes, it is the colormap.");
    formula.textContent = knots.length ? `knots at levels ${shown.knots.join(", ")}` : "no knot: a straight line in the colour cube";
    plot.setAttribute("aria-label", `Red, green and blue of ${state.map} against the level, and a bent line with ${state.size} knots through them. ${result.textContent}`);
    status.say(result.textContent);
    Object.assign(root.dataset, { map: state.map, size: state.size, error: state.own ? least : error, least, knots: shown.knots.join(), fitted: btoa(String.fromCharCode(...bytes)) });
    where.write({ map: state.map, relus: state.size, ...(state.own ? { knots: state.own.join(".") } : {}) }, byReader);
  }

  function restore(query) {
    const next = { own: null };
    if (names.includes(query.get("map"))) next.map = query.get("map");
    if (data.sizes.includes(Number(query.get("relus"))) && query.has("relus")) next.size = Number(query.get("relus"));
    const own = (query.get("knots") ?? "").split(".").map(Number);
    const rising = own.every((knot, k) => Number.isInteger(knot) && knot > (own[k - 1] ?? 0) && knot < 255);
    if (query.has("knots") && rising && own.length === (next.size ?? state.size)) next.own = own;
    change(next, false);
  }

  const where = Explorers.address("relu", root, restore);
  live.append(
    make("div", { class: "explorer-bar" }, chooser.node, sizes.node), plot, legend,
    make("div", { class: "explorer-buttons" }, reset),
    make("div", { class: "explorer-strips" }, make("span", {}, "colormap"), rows.given, make("span", {}, "ReLUs"), rows.fitted),
    result, formula, where.link, status,
  );
  change({}, false);
  where.open();
});
