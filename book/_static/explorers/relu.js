/* A colormap as a layer of ReLUs: the best fit with as many knots as the reader allows.

   The fits come with the page; the script evaluates  A t + c + Σ v_k ReLU(t − τ_k)  and draws it. */
"use strict";

Explorers.define("relu", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const channels = ["red", "green", "blue"];
  const tables = Explorers.bytes(data.tables);
  const names = Object.keys(data.fits);
  const fits = Object.fromEntries(Object.entries(data.fits).map(([name, row]) => [name, unpack(row)]));
  const state = { map: data.colormap, size: data.size };
  const [width, height, left, bottom] = [420, 240, 34, 36];

  /** Fits of one colormap; their vertices, all in a row, come as 16-bit integers. */
  function unpack({ knots, errors, bounds, vertices }) {
    const packed = Explorers.bytes(vertices);
    const whole = new DataView(packed.buffer);
    let place = 0;
    const next = () => whole.getInt16(2 * place++, true) / data.scale;
    return knots.map((own, k) => ({
      knots: own, error: errors[k], lower: bounds[k],
      vertices: Array.from({ length: own.length + 2 }, () => channels.map(next)),
    }));
  }

  /** Colours of the levels by the ReLU formula, in units of 1/255: 256 rows of three. */
  function evaluate({ knots, vertices }) {
    const places = [0, ...knots, 255];
    const slopes = places.slice(1).map((place, k) =>
      channels.map((_, c) => (vertices[k + 1][c] - vertices[k][c]) / (place - places[k])));
    return Array.from({ length: 256 }, (_, t) => channels.map((_, c) => {
      let value = vertices[0][c] + slopes[0][c] * t;
      knots.forEach((knot, k) => { value += (slopes[k + 1][c] - slopes[k][c]) * Math.max(t - knot, 0); });
      return value;
    }));
  }

  const x = (level) => left + (level / 255) * (width - left - 16);
  const y = (value) => 20 + (1 - value / 255) * (height - 28 - bottom);
  const path = (values) => values.map((value, level) => `${level ? "L" : "M"}${x(level).toFixed(2)} ${y(value).toFixed(2)}`).join("");

  const chooser = Explorers.choice("Colormap", names, (map) => change({ map }));
  const sizes = Explorers.slider("ReLUs", { min: 0, max: data.sizes.length - 1, step: 1 }, (k) => change({ size: data.sizes[k] }));
  const lines = channels.map((channel) => ({
    given: draw("path", { class: `curve-given ${channel}` }),
    fitted: draw("path", { class: `curve-fitted ${channel}` }),
  }));
  const knotLines = draw("g", { class: "curve-knots" });
  const axes = draw("g", { class: "curve-axes" },
    draw("path", { d: `M${left} 8V${y(0) + 8}H${x(255)}` }),
    ...[0, 64, 128, 192, 255].map((level) => draw("text", { x: x(level), y: y(0) + 21, "text-anchor": "middle" }, `${level}`)),
    draw("text", { x: x(127.5), y: height - 3, "text-anchor": "middle" }, "level (0–255)"),
    ...[0, 0.5, 1].map((value) => draw("text", { x: left - 6, y: y(255 * value) + 4, "text-anchor": "end" }, `${value}`)));
  const frame = { x: left, y: 0, width: width - left - 12, height: y(0) + 8 };
  const inner = draw("svg", { ...frame, viewBox: Object.values(frame).join(" ") }, // cuts off what leaves the axes
    knotLines, ...lines.map((line) => line.given), ...lines.map((line) => line.fitted));
  const plot = draw("svg", { class: "explorer-plot", viewBox: `0 0 ${width} ${height}`, role: "img" }, axes, inner);
  const rows = { given: Explorers.strip("the colormap"), fitted: Explorers.strip("the ReLU layer") };
  const result = make("p", { class: "explorer-now" });
  const formula = make("p", { class: "explorer-neuron" });
  const legend = make("p", { class: "explorer-hint" }, "Wide lines: the colormap. Thin lines: the ReLU layer. Vertical lines: its knots. ",
    ...channels.map((channel) => make("span", { class: `explorer-key ${channel}` }, channel)));
  const status = Explorers.announcer();

  function change(values, byReader = true) {
    Object.assign(state, values);
    const fit = fits[state.map][data.sizes.indexOf(state.size)];
    const first = 768 * names.indexOf(state.map);
    const given = tables.subarray(first, first + 768);
    const fitted = evaluate(fit);
    const shown = Uint8Array.from(fitted.flat(), (value) => Math.max(0, Math.min(255, Math.round(value))));
    lines.forEach((line, c) => {
      line.given.setAttribute("d", path(Array.from({ length: 256 }, (_, t) => given[3 * t + c])));
      line.fitted.setAttribute("d", path(fitted.map((colour) => colour[c])));
    });
    knotLines.replaceChildren(...fit.knots.map((knot) => draw("line", { x1: x(knot), x2: x(knot), y1: 8, y2: y(0) + 8 })));
    rows.given.paint(given);
    rows.fitted.paint(shown);
    chooser.list.value = state.map;
    sizes.show(data.sizes.indexOf(state.size), `${state.size}`);
    sizes.input.setAttribute("aria-valuetext", `${state.size} ReLUs`);
    const off = shown.filter((value, k) => value !== given[k]).length;
    result.textContent = `${state.map} with ${state.size} ReLUs: the largest error is ${text(fit.error)}/255`
      + (fit.lower > 0 ? `, and ${fit.knots.length ? "no other knots get" : "no straight line gets"} below ${text(fit.lower)}/255. ` : ". ")
      + (off ? `${off} of its 768 rounded values differ.` : "Rounded to bytes, it is the colormap.");
    formula.textContent = fit.knots.length ? `knots at levels ${fit.knots.join(", ")}` : "no knot: a straight line in the colour cube";
    plot.setAttribute("aria-label", `Red, green and blue of ${state.map} against the level, and a bent line with ${state.size} knots through them. ${result.textContent}`);
    status.say(result.textContent);
    Object.assign(root.dataset, { map: state.map, size: state.size, error: fit.error, fitted: btoa(String.fromCharCode(...shown)) });
    where.write({ map: state.map, relus: state.size }, byReader);
  }

  function restore(query) {
    const next = {};
    if (names.includes(query.get("map"))) next.map = query.get("map");
    if (data.sizes.includes(Number(query.get("relus"))) && query.has("relus")) next.size = Number(query.get("relus"));
    change(next, false);
  }

  const where = Explorers.address("relu", root, restore);
  live.append(
    make("div", { class: "explorer-bar" }, chooser.node, sizes.node), plot, legend,
    make("div", { class: "explorer-strips" }, make("span", {}, "colormap"), rows.given, make("span", {}, "ReLUs"), rows.fitted),
    result, formula, where.link, status,
  );
  change({}, false);
  where.open();
});
