/* JPEG less its lossless packing: the integer arithmetic of libjpeg as `analysis.jpeg.codec` writes it
   down, so that each pixel is that of the file. Shared by the explorers that need it. */
"use strict";

/** A codec from the integer cosine transform (64) and the standard's steps at quality 50, of luma and chroma. */
Explorers.codec = (transform, tables) => {
  const descale = (value, bits) => Math.floor((value + 2 ** (bits - 1)) / 2 ** bits);

  /** Steps of the 64 coefficients: luma's (0) or chroma's (1). */
  function steps(quality, table = 0) {
    const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
    return tables[table].map((step) => Math.max(1, Math.min(255, Math.floor((step * percent + 50) / 100))));
  }

  /** 8×8 block times matrix along its rows or columns, rounded off by so many bits. */
  function apply(block, { columns, transposed, bits }) {
    const out = new Float64Array(64);
    for (let line = 0; line < 8; line++) {
      for (let k = 0; k < 8; k++) {
        let sum = 0;
        for (let i = 0; i < 8; i++) {
          sum += transform[transposed ? 8 * i + k : 8 * k + i] * block[columns ? 8 * i + line : 8 * line + i];
        }
        out[columns ? 8 * k + line : 8 * line + k] = descale(sum, bits);
      }
    }
    return out;
  }

  /** Every block's coefficients, times 8: they do not depend on the quality. */
  function analyse(plane, width, height) {
    const blocks = [];
    const block = new Float64Array(64);
    for (let top = 0; top < height; top += 8) {
      for (let left = 0; left < width; left += 8) {
        for (let place = 0; place < 64; place++) { // beyond the edge, the edge again
          const row = Math.min(top + (place >> 3), height - 1);
          const column = Math.min(left + (place & 7), width - 1);
          block[place] = plane[row * width + column] - 128;
        }
        const rows = apply(block, { columns: false, transposed: false, bits: 11 });
        blocks.push({ top, left, coefficients: apply(rows, { columns: true, transposed: false, bits: 15 }) });
      }
    }
    return blocks;
  }

  /** A block's coefficients over their steps, rounded: what a file holds. */
  const quantise = (coefficients, step) => coefficients.map((value, place) =>
    Math.sign(value) * Math.floor(Math.abs(value) / (8 * step[place]) + 0.5));

  /** The plane that a decoder gives, and every block's codes. */
  function restore(blocks, step, width, height) {
    const plane = new Uint8ClampedArray(width * height);
    const codes = blocks.map(({ coefficients }) => quantise(coefficients, step));
    blocks.forEach(({ top, left }, k) => {
      const columns = apply(codes[k].map((code, place) => code * step[place]), { columns: true, transposed: true, bits: 11 });
      const block = apply(columns, { columns: false, transposed: true, bits: 18 });
      for (let place = 0; place < 64; place++) {
        const [row, column] = [top + (place >> 3), left + (place & 7)];
        if (row < height && column < width) plane[row * width + column] = block[place] + 128;
      }
    });
    return { plane, codes };
  }

  /** Chroma at half size: means of 2×2 pixels, their halves down and up in alternate columns. */
  function halve(plane, width, height) {
    const [wide, high] = [8 * Math.ceil(width / 16), Math.ceil(height / 2)];
    const at = (row, column) => plane[Math.min(row, height - 1) * width + Math.min(column, width - 1)];
    const half = new Uint8ClampedArray(wide * high);
    for (let place = 0; place < half.length; place++) {
      const [row, column] = [2 * Math.floor(place / wide), 2 * (place % wide)];
      const sum = at(row, column) + at(row, column + 1) + at(row + 1, column) + at(row + 1, column + 1);
      half[place] = Math.floor((sum + ((column >> 1) % 2 ? 2 : 1)) / 4);
    }
    return { half, wide, high };
  }

  /** Back to full size: libjpeg's "fancy" upsampling, copies if too narrow for it. */
  function double(half, wide, width, height) {
    const [right, below] = [Math.ceil(width / 2) - 1, Math.ceil(height / 2) - 1];
    const at = (row, column) => half[Math.max(0, Math.min(below, row)) * wide + Math.max(0, Math.min(right, column))];
    const plane = new Uint8ClampedArray(width * height);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const [y, x, up, left] = [row >> 1, column >> 1, row % 2 ? 1 : -1, column % 2 ? 1 : -1];
        const lean = (place) => 3 * at(y, place) + at(y + up, place);
        plane[row * width + column] = right < 2 ? at(y, x) : (3 * lean(x) + lean(x + left) + (left < 0 ? 8 : 7)) >> 4;
      }
    }
    return plane;
  }

  /** What is coded of a picture: of levels luma, of colours (three bytes a pixel) also two chroma, with `half` at 4:2:0. */
  function encode(pixels, width, height, half) {
    const size = width * height;
    const coded = (plane, table, wide = width, high = height) => ({ table, wide, high, half: half && table, blocks: analyse(plane, wide, high) });
    if (pixels.length === size) return [coded(pixels, 0)];
    const mix = (r, g, b, bias) => Uint8ClampedArray.from({ length: size }, (_, k) =>
      Math.floor((r * pixels[3 * k] + g * pixels[3 * k + 1] + b * pixels[3 * k + 2] + bias) / 65536));
    const chroma = [mix(-11059, -21709, 32768, 8421375), mix(32768, -27439, -5329, 8421375)].map((plane) => {
      if (!half) return coded(plane, 1);
      const small = halve(plane, width, height);
      return coded(small.half, 1, small.wide, small.high);
    });
    return [coded(mix(19595, 38470, 7471, 32768), 0), ...chroma];
  }

  /** What a decoder gives: the pixels, and of each component its plane and codes. */
  function decode(coded, quality, width, height) {
    const components = coded.map(({ table, wide, high, blocks }) => restore(blocks, steps(quality, table), wide, high));
    if (components.length === 1) return { pixels: components[0].plane, components };
    const [y, cb, cr] = components.map(({ plane }, k) => (coded[k].half ? double(plane, coded[k].wide, width, height) : plane));
    const pixels = new Uint8ClampedArray(3 * y.length);
    for (let k = 0; k < y.length; k++) {
      const [blue, red] = [cb[k] - 128, cr[k] - 128];
      pixels[3 * k] = y[k] + Math.floor((91881 * red + 32768) / 65536);
      pixels[3 * k + 1] = y[k] + Math.floor((-22554 * blue - 46802 * red + 32768) / 65536);
      pixels[3 * k + 2] = y[k] + Math.floor((116130 * blue + 32768) / 65536);
    }
    return { pixels, components };
  }

  return { decode, encode };
};

/** Nearest level to each pixel, the lowest among equals, and the mean distance in 1/255. */
Explorers.nearest = (rgb, table, every = 1) => {
  const known = new Map(), levels = new Uint8Array(rgb.length / 3);
  let sum = 0, count = 0;
  for (let k = 0; k < levels.length; k += every) {
    const [r, g, b] = [rgb[3 * k], rgb[3 * k + 1], rgb[3 * k + 2]], key = (r << 16) | (g << 8) | b;
    if (!known.has(key)) {
      let best = Infinity, at = 0;
      for (let level = 0; level < 256; level++) {
        const square = (r - table[3 * level]) ** 2 + (g - table[3 * level + 1]) ** 2 + (b - table[3 * level + 2]) ** 2;
        if (square < best) [best, at] = [square, level];
      }
      known.set(key, [at, Math.sqrt(best)]);
    }
    const [level, far] = known.get(key);
    levels[k] = level;
    sum += far;
    count++;
  }
  return { levels, off: sum / count };
};
