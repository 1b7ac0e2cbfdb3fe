/* A spectrogram through JPEG at the quality that the reader chooses.

   The page holds the picture once and computes the others (`codec.js`): a hundred files would be many times
   as much to load. Sizes and errors were computed with the real codec. */
"use strict";

Explorers.define("jpeg", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const { height, width } = data;
  const levels = Explorers.bytes(data.picture);
  const state = { quality: data.quality };
  const codec = Explorers.codec(data.transform, [data.steps]);
  const blocks = codec.analyse(levels, width, height);

  /** In gray, low frequencies below: the picture's first row is drawn last. */
  function paint(canvas, grayOf) {
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const place = 4 * ((height - 1 - row) * width + column);
        const gray = grayOf(row * width + column);
        pixels.data[place] = pixels.data[place + 1] = pixels.data[place + 2] = gray;
        pixels.data[place + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  }

  const canvas = () => make("canvas", { width, height, role: "img" });
  const pictures = { given: canvas(), decoded: canvas(), difference: canvas() };
  const titled = (node, name) => make("figure", {}, node, make("figcaption", {}, name));
  const slider = Explorers.slider("Quality", { min: 1, max: 100, step: 1 }, (quality) => change({ quality }));
  const result = make("p", { class: "explorer-now" });
  const status = Explorers.announcer();

  // Error against bytes, all qualities; both axes logarithmic
  const [w, h, left, bottom] = [420, 200, 36, 36];
  const log = (values, from, to) => {
    const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
    return (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
  };
  const x = log(data.bytes, left + 8, w - 12), y = log(data.error, h - bottom - 4, 10);
  const inside = (ticks, values) => ticks.filter((tick) => Math.min(...values) <= tick && tick <= Math.max(...values));
  const mark = draw("circle", { r: 5.5, class: "curve-mark" });
  const plot = draw("svg", { class: "explorer-plot", viewBox: `0 0 ${w} ${h}`, role: "img" },
    draw("g", { class: "curve-axes" },
      draw("path", { d: `M${left} 8V${h - bottom}H${w - 4}` }),
      ...inside([1, 2, 5, 10, 20, 50, 100].map((kB) => 1000 * kB), data.bytes).map((size) =>
        draw("text", { x: x(size), y: h - bottom + 15, "text-anchor": "middle" }, `${size / 1000}`)),
      draw("text", { x: (left + w) / 2, y: h - 4, "text-anchor": "middle" }, "file (kB)"),
      ...inside([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], data.error).map((db) =>
        draw("text", { x: left - 6, y: y(db) + 4, "text-anchor": "end" }, `${db}`)),
      draw("text", { x: w - 8, y: 16, "text-anchor": "end" }, "error (dB), all qualities")),
    draw("path", { class: "curve-all", d: data.bytes.map((size, k) => `${k ? "L" : "M"}${x(size).toFixed(1)} ${y(data.error[k]).toFixed(1)}`).join("") }),
    mark);

  function change(values, byReader = true) {
    Object.assign(state, values);
    const { quality } = state;
    const [size, error] = [data.bytes[quality - 1], data.error[quality - 1]];
    const { plane: picture, alive } = codec.restore(blocks, codec.steps(quality), width, height);
    const perBlock = alive / blocks.length;
    paint(pictures.decoded, (k) => picture[k]);
    paint(pictures.difference, (k) => 128 + data.gain * (picture[k] - levels[k])); // the canvas clips
    slider.show(quality, `${quality}`);
    result.textContent = `Quality ${quality}: ${text(size / 1000, 1)} kB, root-mean-square error ${text(error)} dB, `
      + `${text(perBlock, 1)} of 64 codes in a block are not zero.`;
    pictures.decoded.setAttribute("aria-label", `The spectrogram after JPEG. ${result.textContent}`);
    pictures.difference.setAttribute("aria-label", `What JPEG changed, ${data.gain} times as strong.`);
    plot.setAttribute("aria-label", `Error against the size of the file, all qualities; the mark is at ${text(size / 1000, 1)} kB and ${text(error)} dB.`);
    mark.setAttribute("cx", x(size));
    mark.setAttribute("cy", y(error));
    status.say(result.textContent);
    Object.assign(root.dataset, { quality, bytes: size, error, perBlock });
    root.picture = picture;
    where.write({ quality }, byReader);
  }

  function restore(query) {
    const quality = Number(query.get("quality"));
    change(Number.isInteger(quality) && quality >= 1 && quality <= 100 ? { quality } : {}, false);
  }

  const where = Explorers.address("jpeg", root, restore);
  pictures.given.setAttribute("aria-label", `The spectrogram. ${data.axes}`);
  paint(pictures.given, (k) => levels[k]);
  live.append(
    make("div", { class: "explorer-bar" }, slider.node),
    make("div", { class: "explorer-pictures" }, titled(pictures.given, "original"), titled(pictures.decoded, "after JPEG"),
      titled(pictures.difference, `difference × ${data.gain}`)),
    make("p", { class: "explorer-hint" }, data.axes), result, plot, where.link, status,
  );
  change({}, false);
  where.open();
});
