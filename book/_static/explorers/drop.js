/* A picture or a recording of the reader's own, saved as an image and read back, in the page.

   The file never leaves the page: the script reads a WAV's samples and transforms them itself, and a
   picture's pixels through a canvas. What follows is what people do to spectrograms: decibels to levels,
   levels to colours, a file, a resize; then the levels are looked up again, and compared. */
"use strict";

Explorers.define("drop", (root, data, live) => {
  const { make, nearest, text } = Explorers;
  const tables = Explorers.bytes(data.tables);
  const codec = Explorers.codec(data.transform, data.steps);
  const [LONGEST, SILENCE] = [1024, 1e-14]; // pixels of a side; power of −140 dB
  const FILES = { PNG: "png", "JPEG, 4:2:0": "jpeg-420", "JPEG, 4:4:4": "jpeg-444" };
  const SIZES = ["as it is", 224, 128, 64, 32];
  const state = { map: data.colormap, file: "JPEG, 4:2:0", quality: 75, size: SIZES[0], low: -100, high: 0, own: false };
  let source = null, result = null;

  const tableOf = (name) => tables.subarray(768 * data.names.indexOf(name), 768 * data.names.indexOf(name) + 768);
  const isGray = (name) => name === data.names[0];
  const bound = (value) => Math.max(0, Math.min(255, value));

  // --- Reading --------------------------------------------------------------------------------

  /** Samples of a WAV, the mean of its channels; 1 is full scale. */
  function readWave(buffer) {
    const view = new DataView(buffer);
    const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
    let format = null;
    for (let at = 12; at + 8 <= buffer.byteLength;) {
      const [name, size, start] = [tag(at), view.getUint32(at + 4, true), at + 8];
      if (name === "fmt ") {
        const kind = view.getUint16(start, true);
        format = {
          kind: kind === 0xfffe ? view.getUint16(start + 24, true) : kind, // extensible: the kind comes later
          channels: view.getUint16(start + 2, true), rate: view.getUint32(start + 4, true), bits: view.getUint16(start + 14, true),
        };
      }
      if (name === "data" && format) return { rate: format.rate, samples: samplesOf(view, start, Math.min(size, buffer.byteLength - start), format) };
      at = start + size + (size % 2);
    }
    throw new Error("this WAV has no sound in it");
  }

  function samplesOf(view, start, size, { kind, channels, bits }) {
    const read = {
      "1 8": (at) => view.getUint8(at) / 128 - 1,
      "1 16": (at) => view.getInt16(at, true) / 2 ** 15,
      "1 24": (at) => (view.getUint16(at, true) + 65536 * view.getInt8(at + 2)) / 2 ** 23,
      "1 32": (at) => view.getInt32(at, true) / 2 ** 31,
      "3 32": (at) => view.getFloat32(at, true),
      "3 64": (at) => view.getFloat64(at, true),
    }[`${kind} ${bits}`];
    if (!read || !channels) throw new Error("this WAV is compressed: save it as PCM");
    const [step, count] = [bits / 8, Math.floor(size / (channels * bits / 8))];
    return Float64Array.from({ length: count }, (_, n) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += read(start + (n * channels + c) * step);
      return sum / channels;
    });
  }

  /** Decibels of a full-scale sine, the highest frequency first: Hann windows, as in the book. */
  function spectrogram(samples) {
    const { window, hop } = data;
    const [height, width] = [window / 2 + 1, Math.min(LONGEST, 1 + Math.floor(samples.length / hop))];
    const wave = (turn) => Float64Array.from({ length: window }, (_, n) => turn((2 * Math.PI * n) / window));
    const [cos, sin] = [wave(Math.cos), wave(Math.sin)];
    const frame = new Float64Array(window), db = new Float64Array(height * width);
    for (let t = 0; t < width; t++) {
      for (let n = 0; n < window; n++) frame[n] = (samples[t * hop - window / 2 + n] ?? 0) * (2 / window) * (1 - cos[n]);
      for (let bin = 0; bin < height; bin++) {
        let re = 0, im = 0;
        for (let n = 0, turn = 0; n < window; n++, turn = (turn + bin) % window) {
          re += frame[n] * cos[turn];
          im += frame[n] * sin[turn];
        }
        db[(height - 1 - bin) * width + t] = 10 * Math.log10(Math.max(re * re + im * im, SILENCE));
      }
    }
    return { db, width, height };
  }

  /** Pixels of a picture as they are in the file, three bytes each; of a large one the upper left. */
  async function readPicture(file) {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" })
      .catch(() => { throw new Error("the browser cannot read this file: drop a PNG, JPEG, WebP or WAV"); });
    const [width, height] = [Math.min(bitmap.width, LONGEST), Math.min(bitmap.height, LONGEST)];
    const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const rgba = context.getImageData(0, 0, width, height).data;
    return { rgb: Uint8Array.from({ length: 3 * width * height }, (_, k) => rgba[4 * Math.floor(k / 3) + (k % 3)]), width, height, whole: [bitmap.width, bitmap.height] };
  }

  /** Levels of a picture, by the map that its colours lie nearest to. */
  function unpainted({ rgb, width, height, whole }) {
    const every = Math.max(1, Math.floor(rgb.length / 3 / 5000));
    const fits = data.names.map((name) => ({ name, off: nearest(rgb, tableOf(name), every).off }));
    const { name } = fits.reduce((best, fit) => (fit.off < best.off ? fit : best));
    const { levels, off } = nearest(rgb, tableOf(name));
    const part = whole.join() === [width, height].join() ? "" : `, of which the upper left ${width} × ${height} are used`;
    return {
      levels, width, height, name,
      told: `${whole.join(" × ")} pixels${part}, read as ${name}: its colours are ${text(off, 1)}/255 from that map in the mean. `
        + "A picture does not say what its levels mean; here they stand for the range below.",
    };
  }

  async function read(file) {
    const buffer = await file.arrayBuffer();
    const tag = (at) => String.fromCharCode(...new Uint8Array(buffer.slice(at, at + 4)));
    if (tag(0) !== "RIFF" || tag(8) !== "WAVE") return unpainted(await readPicture(file));
    const { samples, rate } = readWave(buffer);
    const sound = spectrogram(samples);
    const seconds = Math.min(samples.length, sound.width * data.hop) / rate;
    return { ...sound, told: `${seconds < samples.length / rate ? "The first " : ""}${text(seconds, 1)} s at ${rate.toLocaleString("en-GB")} Hz, ${data.window} samples a window, 0 to ${text(rate / 2000, 1)} kHz from below.` };
  }

  async function take(file, name = file.name) {
    try {
      source = await read(file);
      told.textContent = `${name}: ${source.told}`;
      change({});
    } catch (error) {
      told.textContent = `${name}: ${error.message}.`;
      status.say(told.textContent);
    }
  }

  // --- Saving and reading back ----------------------------------------------------------------

  /** Pillow's bilinear filter for one side: of each new pixel, the first old one and the weights. */
  function weights(from, to) {
    const scale = from / to, wide = Math.max(scale, 1);
    return Array.from({ length: to }, (_, i) => {
      const centre = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - wide + 0.5)), last = Math.min(from, Math.trunc(centre + wide + 0.5));
      const own = Array.from({ length: last - first }, (_, k) => Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / wide)));
      const sum = own.reduce((a, b) => a + b);
      return { first, own: own.map((weight) => weight / sum) };
    });
  }

  /** A plane at another size: of bytes with Pillow's integers, of other numbers exactly. */
  function resized(plane, width, height, side) {
    const whole = plane instanceof Uint8ClampedArray;
    const sum = (at, { first, own }) => whole
      ? Math.floor(own.reduce((all, weight, k) => all + Math.floor(weight * 2 ** 22 + 0.5) * at(first + k), 2 ** 21) / 2 ** 22)
      : own.reduce((all, weight, k) => all + weight * at(first + k), 0);
    const [across, down] = [weights(width, side), weights(height, side)];
    const rows = width === side ? plane : new plane.constructor(side * height).map((_, n) =>
      sum((k) => plane[Math.floor(n / side) * width + k], across[n % side]));
    return height === side ? rows : new plane.constructor(side * side).map((_, n) =>
      sum((k) => rows[k * side + (n % side)], down[Math.floor(n / side)]));
  }

  function save() {
    const { width, height } = source, size = width * height;
    const db = source.db ?? Float64Array.from(source.levels, (level) => state.low + ((state.high - state.low) * level) / 255);
    const reduce = (pick, start) => db.reduce((best, value) => pick(best, value), start);
    const [low, high] = state.own ? [reduce(Math.min, Infinity), reduce(Math.max, -Infinity)] : [state.low, state.high];
    const step = (high - low) / 255 || 1;
    const exact = db.map((value) => bound((value - low) / step));
    const levels = Uint8ClampedArray.from(exact); // rounds
    const gray = isGray(state.map), table = tableOf(state.map);
    const painted = gray ? levels : Uint8ClampedArray.from({ length: 3 * size }, (_, k) => table[3 * levels[Math.floor(k / 3)] + (k % 3)]);
    const jpeg = () => codec.decode(codec.encode(painted, width, height, state.file === "JPEG, 4:2:0"), state.quality, width, height).pixels;
    const file = state.file === "PNG" ? painted : jpeg();
    const planes = gray ? [file] : [0, 1, 2].map((c) => Uint8ClampedArray.from({ length: size }, (_, k) => file[3 * k + c]));
    const other = state.size !== SIZES[0];
    const fit = (plane) => (other ? resized(plane, width, height, state.size) : plane);
    const fed = planes.map(fit), wanted = fit(exact);
    const back = gray ? fed[0] : nearest(Uint8ClampedArray.from({ length: 3 * wanted.length }, (_, k) => fed[k % 3][Math.floor(k / 3)]), table).levels;
    const lost = Float64Array.from(back, (level, k) => level - wanted[k]);
    const mean = (values, of) => values.reduce((sum, value) => sum + of(value), 0) / values.length;
    const meant = Uint8ClampedArray.from(wanted);
    return {
      width, height, low, high, step, file, fed, wanted, back, lost, levels, gray,
      across: other ? state.size : width, down: other ? state.size : height,
      rms: Math.sqrt(mean(lost, (x) => x * x)), worst: lost.reduce((most, x) => Math.max(most, Math.abs(x)), 0),
      changed: mean(meant.map((level, k) => Number(level !== back[k])), (x) => x),
      outside: mean(db, (value) => Number(value < low || value > high)),
    };
  }

  // --- The page -------------------------------------------------------------------------------

  const percent = (share) => `${text(100 * share, 1)}\u00a0%`;
  const grayOf = (plane) => (k) => [plane[k], plane[k], plane[k]];

  const shown = Object.fromEntries(Object.entries({
    wanted: "decibels", file: "the file", red: "R", green: "G", blue: "B", back: "levels read back", lost: `lost, × ${data.gain}`,
  }).map(([key, name]) => [key, { canvas: make("canvas", { role: "img" }), name }]));
  const chosen = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp,audio/wav,.wav", onchange: () => chosen.files.length && take(chosen.files[0]) });
  const told = make("p", { class: "explorer-hint" });
  const now = make("p", { class: "explorer-now" });
  const more = make("p");
  const status = Explorers.announcer();
  const map = Explorers.choice("Colormap", data.names, (value) => change({ map: value }));
  const file = Explorers.choice("File", Object.keys(FILES), (value) => change({ file: value }));
  const size = Explorers.choice("Resized to", SIZES.map((side) => (Number(side) ? `${side} × ${side}` : side)), (value) => change({ size: Number.parseInt(value, 10) || SIZES[0] }));
  const low = Explorers.slider("Level 0", { min: -140, max: -50, step: 5 }, (value) => change({ low: value }));
  const high = Explorers.slider("Level 255", { min: -45, max: 20, step: 5 }, (value) => change({ high: value }));
  const quality = Explorers.slider("Quality", { min: 1, max: 100, step: 1 }, (value) => change({ quality: value }));
  const own = make("input", { type: "checkbox", onchange: () => change({ own: own.checked }) });

  function change(values, byReader = true) {
    Object.assign(state, values);
    if (!source) return;
    result = save();
    const { width, height, across, down, step, fed, back, wanted, lost } = result;
    const [red, green, blue] = result.gray ? [fed[0], fed[0], fed[0]] : fed;
    const pictures = {
      wanted: [across, down, grayOf(wanted)], file: [width, height, result.gray ? grayOf(result.file) : (k) => result.file.subarray(3 * k, 3 * k + 3)],
      red: [across, down, grayOf(red)], green: [across, down, grayOf(green)], blue: [across, down, grayOf(blue)],
      back: [across, down, grayOf(back)], lost: [across, down, grayOf(lost.map((x) => 128 + data.gain * x))],
    };
    for (const [key, drawn] of Object.entries(pictures)) {
      Explorers.paint(shown[key].canvas, ...drawn);
      shown[key].canvas.setAttribute("aria-label", `${shown[key].name}, ${drawn[0]} × ${drawn[1]} pixels`);
    }
    now.textContent = `Read back, the decibels are wrong by ${text(step * result.rms)} dB root mean square, at worst by ${text(step * result.worst, 1)} dB.`;
    more.textContent = `That is ${text(result.rms, 1)} levels of ${text(step)} dB; ${percent(result.changed)} of the levels are not those saved. `
      + `${percent(result.outside)} of the values lay outside the range and were clipped before.`;
    [map.list.value, file.list.value, size.list.selectedIndex, own.checked] = [state.map, state.file, SIZES.indexOf(state.size), state.own];
    low.show(state.own ? Math.round(result.low) : state.low, `${text(state.own ? result.low : state.low, 0)} dB`);
    high.show(state.own ? Math.round(result.high) : state.high, `${text(state.own ? result.high : state.high, 0)} dB`);
    quality.show(state.quality, `${state.quality}`);
    low.input.disabled = high.input.disabled = state.own;
    quality.input.disabled = state.file === "PNG";
    status.say(`${now.textContent} ${more.textContent}`);
    Object.assign(root.dataset, { across, down, rms: step * result.rms, worst: step * result.worst, changed: result.changed, outside: result.outside, read: source.name ?? "sound" });
    Object.assign(root, { back, fed, levels: result.levels });
    const { file: kind, ...rest } = state;
    where.write({ ...rest, file: FILES[kind] }, byReader);
  }

  /** What the address says of the settings; what it says wrongly stays as it is. */
  function restore(query) {
    const next = {};
    const number = (key, { input }) => {
      const value = Number(query.get(key));
      if (query.has(key) && value >= Number(input.min) && value <= Number(input.max) && Number.isInteger(value)) next[key] = value;
    };
    if (data.names.includes(query.get("map"))) next.map = query.get("map");
    const kind = Object.keys(FILES).find((name) => FILES[name] === query.get("file"));
    if (kind) next.file = kind;
    const side = SIZES.find((one) => `${one}` === query.get("size"));
    if (side) next.size = side;
    Object.entries({ low, high, quality }).forEach(([key, slider]) => number(key, slider));
    if (query.has("own")) next.own = query.get("own") === "true";
    change(next, false);
  }

  /** Hand the levels read back to the reader, as a file. */
  async function download(kind) {
    const { across, down, back } = result;
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${down}, ${across}), }`;
    const rows = () => Array.from({ length: down }, (_, row) => back.slice(row * across, (row + 1) * across).join());
    const blob = {
      csv: () => new Blob([`${rows().join("\n")}\n`], { type: "text/csv" }),
      npy: () => new Blob([Uint8Array.of(0x93), "NUMPY", Uint8Array.of(1, 0, 118, 0), `${header.padEnd(117)}\n`, Uint8Array.from(back)]),
      png: () => new Promise((done) => { shown.back.canvas.toBlob(done, "image/png"); }),
    }[kind];
    const link = make("a", { href: URL.createObjectURL(await blob()), download: `levels.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  const button = (name, act) => make("button", { type: "button", onclick: act }, name);

  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  const where = Explorers.address("drop", root, restore);
  live.append(
    make("label", { class: "explorer-file" }, "Drop a picture (PNG, JPEG, WebP) or a WAV here, or choose one. It stays in this page and is sent nowhere. ", chosen), told,
    make("div", { class: "explorer-bar" }, map.node, file.node, size.node, low.node, high.node, quality.node,
      make("label", { class: "explorer-check" }, own, " its own range, as imshow takes it")),
    make("div", { class: "explorer-pictures spread" }, ...Object.values(shown).map(({ canvas, name }) => make("figure", {}, canvas, make("figcaption", {}, name)))),
    now, more,
    make("div", { class: "explorer-buttons" }, make("span", {}, "Levels read back:"), ...["png", "csv", "npy"].map((kind) => button(kind.toUpperCase(), () => download(kind)))),
    where.link, status,
  );
  const example = Explorers.bytes(data.example).buffer;
  const { samples } = readWave(example);
  source = spectrogram(samples);
  told.textContent = data.heard;
  change({}, false);
  where.open();
});
