// Pictures from bytes: grey, colour or RGBA rows into a canvas, one pixel for one pixel. Size and smoothing are CSS.

export function imageOf(reply, index = 0) {
  const [, h, w, c] = reply.header.shape;
  const from = reply.bytes.subarray(index * h * w * c, (index + 1) * h * w * c);
  const image = new ImageData(w, h);
  const to = image.data;
  if (c === 4) to.set(from);
  else
    for (let i = 0, j = 0; i < to.length; i += 4, j += c) {
      to[i] = from[j];
      to[i + 1] = from[c === 1 ? j : j + 1];
      to[i + 2] = from[c === 1 ? j : j + 2];
      to[i + 3] = 255;
    }
  return image;
}

// `count` pictures of a reply, from number `first` on, side by side in one image: one transfer to the canvas, not many.
export function stripOf(reply, first, count) {
  const [, h, w, c] = reply.header.shape;
  const strip = new ImageData(w * count, h);
  const to = strip.data;
  for (let at = 0; at < count; at++) {
    let j = (first + at) * h * w * c;
    for (let y = 0; y < h; y++)
      for (let i = 4 * (y * w * count + at * w), end = i + 4 * w; i < end; i += 4, j += c) {
        to[i] = reply.bytes[j];
        to[i + 1] = reply.bytes[c < 3 ? j : j + 1];
        to[i + 2] = reply.bytes[c < 3 ? j : j + 2];
        to[i + 3] = c === 4 ? reply.bytes[j + 3] : 255;
      }
  }
  return strip;
}

export function draw(canvas, reply, index = 0) {
  const image = imageOf(reply, index);
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
