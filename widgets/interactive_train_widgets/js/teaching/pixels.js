/* Small pictures: bytes to colours of the theme. One canvas pixel is one value; CSS enlarges it. */

const BLUE = [0, 114, 178];
const ORANGE = [213, 94, 0];

// Red, green and blue of any colour that CSS knows.
export function rgbOf(colour, context) {
  context.fillStyle = "#000";
  context.fillStyle = colour;
  const text = context.fillStyle;
  if (text.startsWith("#")) return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

// A table of 256 colours through stops [[byte, [r, g, b]], ...]. Pure.
export function colourTable(stops) {
  const colours = new Uint8ClampedArray(256 * 4);
  for (let byte = 0; byte < 256; byte++) {
    let i = stops.findLastIndex(([at]) => at <= byte);
    i = Math.min(Math.max(i, 0), stops.length - 2);
    const [[from, a], [to, b]] = [stops[i], stops[i + 1]];
    const part = Math.min(1, Math.max(0, (byte - from) / (to - from)));
    for (let k = 0; k < 3; k++) colours[4 * byte + k] = a[k] + part * (b[k] - a[k]);
    colours[4 * byte + 3] = 255;
  }
  return colours;
}

// The same colours as a key in CSS, `byteAt` from a part of the way, 0 to 1, to a byte. Pure.
export function ramp(colours, byteAt) {
  const stops = Array.from({ length: 17 }, (_, i) => {
    const at = 4 * Math.round(byteAt(i / 16));
    return `rgb(${colours[at]} ${colours[at + 1]} ${colours[at + 2]})`;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

export const signedRamp = (tables) => ramp(tables.signed, (part) => 1 + 254 * part);

// The tables of a theme: ink on paper, a signed scale around byte 128, and weights, 0 to 255.
export function palettes(theme) {
  const context = document.createElement("canvas").getContext("2d");
  const [paper, ink] = [rgbOf(theme.back, context), rgbOf(theme.text, context)];
  const dark = paper[0] + paper[1] + paper[2] < 380;
  const lift = (c) => (dark ? c.map((v) => v + 0.5 * (255 - v)) : c);
  const strong = dark ? BLUE.map((v) => v + 0.45 * (255 - v)) : BLUE.map((v) => 0.8 * v);
  return {
    ink: colourTable([[0, paper], [255, ink]]),
    positive: colourTable([[128, paper], [255, ink]]),
    signed: colourTable([[1, lift(ORANGE)], [128, paper], [255, lift(BLUE)]]),
    weight: colourTable([[0, paper], [255, strong]]),
  };
}

// Put rows by columns bytes on a canvas of that many pixels.
export function paint(canvas, bytes, rows, columns, colours) {
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const words = new Uint32Array(image.data.buffer);
  const table = new Uint32Array(colours.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[bytes[i]];
  context.putImageData(image, 0, 0);
}

// The value that a byte of a signed scale stands for; null for what is no number. Pure.
export const signedValue = (byte, scale) => (byte === 0 ? null : ((byte - 128) / 127) * scale);

// CSS pixels of a tile: whole multiples of its pixels, at most `wanted` if they can. Pure.
export const tileSize = (rows, columns, wanted) => {
  const times = Math.max(1, Math.floor(wanted / Math.max(rows, columns)));
  return { width: columns * times, height: rows * times };
};
