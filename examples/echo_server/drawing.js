// A drawing is a list of strokes, a stroke a list of points [x, y]. In bytes, a stroke is its
// number of points and then x and y of each, all as 16-bit integers, big-endian.
"use strict";

function encodeDrawing(strokes) {
  const numbers = strokes.flatMap((stroke) => [stroke.length, ...stroke.flat()]);
  const bytes = new DataView(new ArrayBuffer(numbers.length * 2));
  numbers.forEach((number, i) => bytes.setUint16(i * 2, number));
  return bytes.buffer;
}

// Throws a RangeError if the bytes are no drawing.
function decodeDrawing(bytes) { // a DataView
  const strokes = [];
  let at = 0;
  const next = () => bytes.getUint16((at += 2) - 2);
  while (at < bytes.byteLength) {
    strokes.push(Array.from({ length: next() }, () => [next(), next()]));
  }
  return strokes.filter((stroke) => stroke.length > 0);
}

function draw(canvas, strokes) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 3;
  pen.lineCap = pen.lineJoin = "round";
  for (const [first, ...rest] of strokes) {
    pen.beginPath();
    pen.moveTo(...first);
    if (rest.length === 0) pen.lineTo(first[0] + 0.1, first[1]); // a dot would not show
    for (const next of rest) pen.lineTo(...next);
    pen.stroke();
  }
}
