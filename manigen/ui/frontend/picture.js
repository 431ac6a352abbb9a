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

export function draw(canvas, reply, index = 0) {
  const image = imageOf(reply, index);
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
