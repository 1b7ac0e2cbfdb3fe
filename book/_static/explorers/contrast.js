/* One chirp, its noise, and what the first layer of a net that photographs have trained makes of them.

   The filters come with the page, batch normalisation folded in:  min(max(c · (w * x) + b, 0), 6).  What
   is linear is computed once for each noise and direction; the contrast c is a factor of it, so that
   the slider only moves what is clipped. */
"use strict";

Explorers.define("contrast", (root, data, live) => {
  const { make, text } = Explorers;
  const { side, large, noises, contrasts } = data;
  const [half, wide, area] = [large / 2, large + 1, (large / 2) ** 2]; // a row and a column of zeros are added
  const floats = (packed) => new Float32Array(Explorers.bytes(packed).buffer);
  const [weights, bias, pictures] = [floats(data.weights), floats(data.bias), Explorers.bytes(data.pictures)];
  const inputs = Object.fromEntries(Object.entries(data.directions).map(([name, table]) => [name, floats(table)]));
  const names = Object.keys(inputs);
  const LIMIT = 6;
  const state = { snr: 5, contrast: 1, direction: names[0] };
  const clip = (value) => Math.min(Math.max(value, 0), LIMIT);

  // --- The layer ------------------------------------------------------------------------------

  /** Bilinear weights from `side` to `large`, pixels' centres on centres. */
  const places = Array.from({ length: large }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * side) / large - 0.5), first = Math.floor(at);
    return [first, Math.min(first + 1, side - 1), at - first];
  });

  /** One channel of the net's input, enlarged, with the zeros that the net sees beyond the edge. */
  function enlarged(levels, table) {
    const plane = new Float64Array(wide * wide);
    places.forEach(([up, down, v], y) => places.forEach(([left, right, u], x) => {
      const row = (r) => (1 - u) * table[levels[side * r + left]] + u * table[levels[side * r + right]];
      plane[wide * y + x] = (1 - v) * row(up) + v * row(down);
    }));
    return plane;
  }

  /** What a filter of 3 × 3 × 3 and stride 2 makes of three channels, before its bias. */
  function filtered(planes, filter) {
    const sums = new Float64Array(area);
    planes.forEach((plane, channel) => {
      for (let k = 0; k < 9; k++) {
        const weight = weights[27 * filter + 9 * channel + k], shift = wide * Math.floor(k / 3) + (k % 3);
        for (let y = 0, n = 0; y < half; y++) {
          for (let x = 0; x < half; x++, n++) sums[n] += weight * plane[2 * wide * y + 2 * x + shift];
        }
      }
    });
    return sums;
  }

  /** Levels of the chirp in noise (0) or of its noise alone (1). */
  const levelsOf = (which) => {
    const start = (2 * noises.indexOf(state.snr) + which) * side * side;
    return pictures.subarray(start, start + side * side);
  };
  let known = { key: "" };
  function linear() {
    const key = `${state.snr} ${state.direction}`;
    if (known.key !== key) {
      const of = (which) => {
        const planes = [0, 1, 2].map((c) => enlarged(levelsOf(which), inputs[state.direction].subarray(256 * c, 256 * c + 256)));
        return Array.from(bias, (_, filter) => filtered(planes, filter));
      };
      known = { key, chirp: of(0), noise: of(1) };
    }
    return known;
  }

  /** A filter's output, and how far the chirp moves it, in deviations of what noise alone makes. */
  function judged(chirp, noise, offset) {
    const output = chirp.map((sum) => clip(state.contrast * sum + offset));
    const blank = clip(offset); // taken off, so that small responses keep their digits
    let [moved, mean, square, low, high, at0, at6] = [0, 0, 0, Infinity, -Infinity, 0, 0];
    noise.forEach((sum, n) => {
      const alone = clip(state.contrast * sum + offset) - blank;
      moved += (output[n] - blank - alone) ** 2;
      mean += alone / area;
      square += alone ** 2 / area;
      [low, high] = [Math.min(low, alone), Math.max(high, alone)];
      at0 += Number(output[n] === 0);
      at6 += Number(output[n] === LIMIT);
    });
    const ratio = low < high ? Math.sqrt(moved / area / (square - mean ** 2)) : null;
    return { output, ratio, at0: at0 / area, at6: at6 / area };
  }

  function median(values) {
    const sorted = [...values].sort((a, b) => a - b), middle = sorted.length / 2;
    return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  }

  // --- The page -------------------------------------------------------------------------------

  /** The net's input as colours: 0 is its own gray. */
  const fedColour = (levels) => (k) => [0, 1, 2].map((c) => 127 + 128 * state.contrast * inputs[state.direction][256 * c + levels[k]]);

  const [BELOW, ABOVE] = [[0, 114, 178], [213, 94, 0]]; // as `figures.COLOURS`; the key has them too
  function mapColour(output) {
    const low = output.reduce((a, b) => Math.min(a, b)), high = output.reduce((a, b) => Math.max(a, b));
    return (k) => {
      if (output[k] === 0) return BELOW;
      if (output[k] === LIMIT) return ABOVE;
      const gray = high > low ? (255 * (output[k] - low)) / (high - low) : 128;
      return [gray, gray, gray];
    };
  }

  const square = (size) => make("canvas", { width: size, height: size, role: "img" });
  const figure = (canvas, caption) => make("figure", {}, canvas, caption);
  const fed = ["chirp in noise, as fed", "the noise alone, as fed"].map((name) => ({ name, canvas: square(side) }));
  const maps = Array.from(bias, (_, n) => ({
    canvas: square(half), caption: make("figcaption"), kind: n < data.luminance ? "luminance" : "opponent",
  }));
  const group = (title, some) => [make("p", { class: "explorer-hint" }, title),
    make("div", { class: "contrast-maps" }, ...some.map(({ canvas, caption }) => figure(canvas, caption)))];
  const now = make("p", { class: "explorer-now" });
  const more = make("p");
  const status = Explorers.announcer();
  const snr = Explorers.slider("SNR", { min: 0, max: noises.length - 1, step: 1 }, (k) => change({ snr: noises[k] }));
  const contrast = Explorers.slider("Contrast", { min: 0, max: contrasts.length - 1, step: 1 }, (k) => change({ contrast: contrasts[k] }));
  const direction = Explorers.choice("Direction", names, (name) => change({ direction: name }));
  const percent = (share) => `${(100 * share).toFixed(0)}\u00a0%`;

  function change(values, byReader = true) {
    Object.assign(state, values);
    const { chirp, noise } = linear();
    const found = maps.map((_, n) => judged(chirp[n], noise[n], bias[n]));
    const mean = (key) => found.reduce((sum, one) => sum + one[key], 0) / found.length;
    const above = median(found.map((one) => one.ratio).filter((ratio) => ratio !== null));
    const silent = found.filter((one) => one.at0 === 1).length;
    const decibels = `${state.snr > 0 ? "+" : ""}${text(state.snr, 0)} dB`;
    fed.forEach(({ name, canvas }, which) => {
      Explorers.paint(canvas, side, side, fedColour(levelsOf(which)));
      canvas.setAttribute("aria-label", `${name}: ${state.direction}, contrast ${state.contrast}, ${decibels}`);
    });
    maps.forEach(({ canvas, caption, kind }, n) => {
      const { output, at0, at6 } = found[n];
      Explorers.paint(canvas, half, half, mapColour(output));
      caption.textContent = `${(100 * at0).toFixed(0)} · ${(100 * at6).toFixed(0)}`;
      canvas.setAttribute("aria-label", `filter ${n + 1} of ${maps.length}, ${kind}: ${percent(at0)} of places at 0, ${percent(at6)} at ${LIMIT}`);
    });
    now.textContent = `The chirp moves the median filter by ${text(above)} of the deviation that noise alone gives it.`;
    more.textContent = `Of all outputs, ${percent(mean("at0"))} are clipped at 0 and ${percent(mean("at6"))} at ${LIMIT}; ${silent} of ${maps.length} filters are 0 everywhere.`;
    status.say(`${now.textContent} ${more.textContent}`);
    snr.show(noises.indexOf(state.snr), decibels);
    contrast.show(contrasts.indexOf(state.contrast), `× ${state.contrast}`);
    direction.list.value = state.direction;
    Object.assign(root.dataset, { above, at0: mean("at0"), at6: mean("at6"), silent });
    root.outputs = found.map((one) => one.output);
    where.write({ ...state, direction: plain(state.direction) }, byReader);
  }

  const plain = (name) => name.replaceAll("–", "-");
  function restore(query) {
    const number = (key, known) => known.find((value) => `${value}` === query.get(key)) ?? state[key];
    const name = names.find((one) => plain(one) === query.get("direction")) ?? state.direction;
    change({ snr: number("snr", noises), contrast: number("contrast", contrasts), direction: name }, false);
  }

  const where = Explorers.address("contrast", root, restore);
  live.append(
    make("div", { class: "explorer-bar" }, direction.node, snr.node, contrast.node),
    make("div", { class: "explorer-pictures contrast-fed" }, ...fed.map(({ name, canvas }) => figure(canvas, make("figcaption", {}, name)))),
    now, more,
    make("p", { class: "explorer-hint" }, "Each map is drawn over its own range, from black to white. Below it, the per cent of places that are ",
      make("span", { class: "explorer-key contrast-0" }, "clipped at 0"), make("span", { class: "explorer-key contrast-6" }, `clipped at ${LIMIT}`)),
    ...group(`${data.luminance} filters that answer luminance more than colour:`, maps.slice(0, data.luminance)),
    ...group(`${maps.length - data.luminance} filters that answer colour more, the purest opponents last:`, maps.slice(data.luminance)),
    make("p", { class: "explorer-hint" }, data.source),
    where.link, status,
  );
  change({}, false);
  where.open();
});
