/* A coloured spectrogram through JPEG, at the map, chroma and quality that the reader chooses.

   The page holds the levels once and computes all else (`codec.js`): the file's codes, block by block, the
   picture decoded, the levels read back. Files' sizes were computed with the real codec. */
"use strict";

Explorers.define("jpeg", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const { height, width, names, arms } = data;
  const [levels, tables] = [Explorers.bytes(data.picture), Explorers.bytes(data.tables)];
  const codec = Explorers.codec(data.transform, data.steps);
  const blocks = { across: Math.ceil(width / 8), down: Math.ceil(height / 8) };
  const CHROMA = ["4:2:0", "4:4:4"];
  const state = { map: data.colormap, chroma: CHROMA[0], quality: data.quality, across: blocks.across >> 1, down: blocks.down >> 1 };
  let file = null; // what is coded, until map or chroma change
  let rival = null; // gray at the same quality

  function encoded() {
    const gray = state.map === names[0], first = 768 * names.indexOf(state.map);
    const table = tables.subarray(first, first + 768);
    const painted = gray ? levels : Uint8Array.from({ length: 3 * levels.length }, (_, k) => table[3 * levels[Math.floor(k / 3)] + (k % 3)]);
    return { arm: gray ? names[0] : `${state.map} ${state.chroma}`, gray, table, painted, coded: codec.encode(painted, width, height, state.chroma === CHROMA[0]) };
  }
  const plain = codec.encode(levels, width, height);
  const rms = (lost) => data.step * Math.sqrt(lost.reduce((sum, x) => sum + x * x, 0) / lost.length);
  const less = (back) => Float64Array.from(back, (level, k) => level - levels[k]);

  // --- Pictures, each with a frame around the chosen block --------------------------------------

  /** A canvas on which a tap chooses a block; it shows `span` of the picture's pixels. */
  function framed(name) {
    const [canvas, frame, title] = [make("canvas", { role: "img" }), make("span", { class: "explorer-frame" }), make("figcaption", {}, name)];
    const view = { canvas, title, span: [width, height] };
    const box = make("div", { class: "explorer-framed", onclick: (event) => {
      const { left, top, width: w, height: h } = box.getBoundingClientRect();
      const at = (share, span, most) => Math.max(0, Math.min(most - 1, Math.floor((share * span) / 8)));
      change({ across: at((event.clientX - left) / w, view.span[0], blocks.across), down: at((event.clientY - top) / h, view.span[1], blocks.down) });
    } }, canvas, frame);
    /** Paint, and frame block (x, y), all in the canvas's own pixels. */
    view.paint = (w, h, colour, [x, y], words) => {
      Explorers.paint(canvas, w, h, colour);
      canvas.setAttribute("aria-label", words);
      const percent = { left: (800 * x) / w, top: (800 * y) / h, width: 800 / w, height: 800 / h };
      for (const [side, value] of Object.entries(percent)) frame.style[side] = `${value}%`;
    };
    view.figure = make("figure", {}, box, title);
    return view;
  }

  const views = { given: framed("original"), decoded: framed("after JPEG"), back: framed("levels read back"), lost: framed(`lost, × ${data.gain}`) };
  const parts = ["Y, luma", "Cb, blue difference", "Cr, red difference"].map((name) => {
    const view = framed(name), cells = Array.from({ length: 64 }, () => make("td"));
    const caption = make("caption");
    view.figure.append(make("table", { class: "explorer-codes" }, caption,
      make("tbody", {}, ...[0, 1, 2, 3, 4, 5, 6, 7].map((row) => make("tr", {}, ...cells.slice(8 * row, 8 * row + 8))))));
    return { view, name, cells, caption };
  });

  /** One component as the file has it: its plane, and the codes of the chosen block. */
  function showPart({ view, name, cells, caption }, component, { wide, high, half }) {
    view.figure.hidden = !component;
    if (!component) return null;
    const place = [state.across, state.down].map((k) => (half ? k >> 1 : k));
    view.span = half ? [2 * wide, 2 * high] : [wide, high];
    view.paint(wide, high, (k) => [component.plane[k], component.plane[k], component.plane[k]], place, `${name}: ${wide} × ${high} pixels`);
    const codes = component.codes[place[1] * Math.ceil(wide / 8) + place[0]];
    cells.forEach((cell, k) => {
      cell.textContent = `${codes[k]}`.replace("-", "−");
      cell.className = codes[k] ? "" : "zero";
    });
    view.title.textContent = `${name}, ${wide} × ${high}`;
    caption.textContent = `Block ${place[0] + 1}, ${place[1] + 1}: ${codes.filter(Boolean).length} of 64 codes ≠ 0`;
    return [...codes];
  }

  // --- Error against bytes, both logarithmic ----------------------------------------------------

  const [w, h, left, bottom] = [420, 200, 36, 36];
  const every = (key) => Object.values(arms).flatMap((arm) => arm[key]);
  const log = (values, from, to) => {
    const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
    return (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
  };
  const x = log(every("bytes"), left + 8, w - 12), y = log(every("error"), h - bottom - 4, 10);
  const inside = (ticks, values) => ticks.filter((tick) => Math.min(...values) <= tick && tick <= Math.max(...values));
  const curve = ({ bytes, error }) => data.qualities.map((quality, k) => `${k ? "L" : "M"}${x(bytes[quality - 1]).toFixed(1)} ${y(error[k]).toFixed(1)}`).join("");
  const own = draw("path", { class: "curve-arm arm-2" });
  const mark = draw("circle", { r: 5.5, class: "curve-mark" });
  const plot = draw("svg", { class: "explorer-plot", viewBox: `0 0 ${w} ${h}`, role: "img" },
    draw("g", { class: "curve-axes" },
      draw("path", { d: `M${left} 8V${h - bottom}H${w - 4}` }),
      ...inside([0.5, 1, 2, 5, 10, 20, 50, 100].map((kB) => 1000 * kB), every("bytes")).map((size) =>
        draw("text", { x: x(size), y: h - bottom + 15, "text-anchor": "middle" }, `${size / 1000}`)),
      draw("text", { x: (left + w) / 2, y: h - 4, "text-anchor": "middle" }, "file (kB)"),
      ...inside([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], every("error")).map((db) =>
        draw("text", { x: left - 6, y: y(db) + 4, "text-anchor": "end" }, `${db}`)),
      draw("text", { x: w - 8, y: 16, "text-anchor": "end" }, "error (dB), all qualities")),
    draw("path", { class: "curve-arm arm-0", d: curve(arms[names[0]]) }), own, mark);
  const key = make("span", { class: "explorer-key arm-2" });

  // --- The page ---------------------------------------------------------------------------------

  const map = Explorers.choice("Colormap", names, (name) => change({ map: name }));
  const chroma = Explorers.choice("Chroma", CHROMA, (name) => change({ chroma: name }));
  const slider = (name, key, min, max) => Explorers.slider(name, { min, max, step: 1 }, (value) => change({ [key]: key === "quality" ? value : value - 1 }));
  const sliders = { quality: slider("Quality", "quality", 1, 100), across: slider("Column", "across", 1, blocks.across), down: slider("Row", "down", 1, blocks.down) };
  const result = make("p", { class: "explorer-now" });
  const status = Explorers.announcer();

  function change(values, byReader = true) {
    Object.assign(state, values);
    const { quality, across, down } = state;
    if (!file || "map" in values || "chroma" in values) file = encoded();
    if (rival?.quality !== quality) rival = { quality, error: rms(less(codec.decode(plain, quality, width, height).pixels)) };
    const { arm, gray, table, painted, coded } = file;
    const { pixels, components } = codec.decode(coded, quality, width, height);
    const back = gray ? pixels : Explorers.nearest(pixels, table).levels;
    const lost = less(back), error = rms(lost), kB = (name) => `${text(arms[name].bytes[quality - 1] / 1000, 1)} kB`;
    const grayOf = (plane) => (k) => [plane[k], plane[k], plane[k]];
    const colourOf = (picture) => (gray ? grayOf(picture) : (k) => picture.subarray(3 * k, 3 * k + 3));
    const changed = lost.filter(Boolean).length / lost.length;
    result.textContent = `${arm}, quality ${quality}: ${kB(arm)}. The levels read back are wrong by ${text(error)} dB root mean square; ${text(100 * changed, 1)}\u00a0% are not those saved.`
      + (gray ? "" : ` Saved as gray at this quality: ${kB(names[0])}, ${text(rival.error)} dB.`);
    const show = (view, colour, words) => view.paint(width, height, colour, [across, down], words);
    show(views.given, colourOf(painted), `The spectrogram. ${data.axes}`);
    show(views.decoded, colourOf(pixels), `The spectrogram after JPEG. ${result.textContent}`);
    show(views.back, grayOf(back), "The levels of the nearest colours, as gray.");
    show(views.lost, grayOf(lost.map((level) => 128 + data.gain * level)), `What was lost of the levels, ${data.gain} times as strong; middle gray is nothing.`);
    root.codes = parts.map((part, k) => showPart(part, components[k], coded[k] ?? {})).filter(Boolean);
    own.setAttribute("d", curve(arms[arm]));
    mark.setAttribute("cx", x(arms[arm].bytes[quality - 1]));
    mark.setAttribute("cy", y(error));
    key.textContent = arm;
    key.hidden = gray;
    plot.setAttribute("aria-label", `Error against the size of the file, all qualities, of ${gray ? "gray" : `gray and of ${arm}`}; the mark is at ${kB(arm)} and ${text(error)} dB.`);
    [map.list.value, chroma.list.value, chroma.list.disabled] = [state.map, state.chroma, gray];
    sliders.quality.show(quality, `${quality}`);
    for (const side of ["across", "down"]) sliders[side].show(state[side] + 1, `${state[side] + 1} of ${blocks[side]}`);
    status.say(`${result.textContent} ${parts.slice(0, components.length).map(({ name, caption }) => `${name}: ${caption.textContent}.`).join(" ")}`);
    Object.assign(root.dataset, { arm, quality, bytes: arms[arm].bytes[quality - 1], error, changed, across, down });
    Object.assign(root, { pixels, back });
    where.write({ map: state.map, chroma: state.chroma.replaceAll(":", ""), quality, block: `${across + 1}.${down + 1}` }, byReader);
  }

  function restore(query) {
    const next = {};
    const whole = (key, value, from, to) => { if (Number.isInteger(value) && value >= from && value <= to) next[key] = value; };
    if (names.includes(query.get("map"))) next.map = query.get("map");
    next.chroma = CHROMA.find((name) => name.replaceAll(":", "") === query.get("chroma")) ?? state.chroma;
    whole("quality", Number(query.get("quality")), 1, 100);
    const [across, down] = (query.get("block") ?? "").split(".").map((one) => Number(one) - 1);
    whole("across", across, 0, blocks.across - 1);
    whole("down", down, 0, blocks.down - 1);
    change(next, false);
  }

  const where = Explorers.address("jpeg", root, restore);
  live.append(
    make("div", { class: "explorer-bar" }, map.node, chroma.node, sliders.quality.node, sliders.across.node, sliders.down.node),
    make("div", { class: "explorer-pictures blocks" }, ...Object.values(views).map(({ figure }) => figure)),
    make("p", { class: "explorer-hint" }, `${data.axes} Column and row, or a tap on a picture, choose the block whose codes are shown below.`), result,
    make("div", { class: "explorer-pictures blocks parts" }, ...parts.map(({ view }) => view.figure)),
    plot, make("p", { class: "explorer-hint" }, make("span", { class: "explorer-key arm-0" }, names[0]), key), where.link, status,
  );
  change({}, false);
  where.open();
});
