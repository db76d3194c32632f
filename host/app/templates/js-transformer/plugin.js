// {{kind}}: a checksum at the end of every chunk, so that damage is noticed.
//
// The comments in wit/transform.wit say what each function must do.

const LENGTH = 4;

// The host checks configurations against it, and shows it to people.
const configSchema = JSON.stringify({
  type: 'object',
  properties: {
    chunk_size: {
      type: 'integer', minimum: 1, maximum: 4 << 20, default: 65536,
      description: 'Bytes with a checksum of their own.',
    },
  },
  additionalProperties: false,
});

// Word by word: the engine interprets, and bytes are four times as many.
function checksum(bytes) {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const words = new Int32Array(padded.buffer);
  let sum = bytes.length;
  for (let i = 0; i < words.length; i += 1) sum = (Math.imul(sum, 31) + words[i]) | 0;
  return sum >>> 0;
}

export const transform = {
  describe() {
    return { name: '{{kind}}', doc: 'Keeps a checksum with every chunk.', configSchema };
  },

  configure(config) {
    const chunkSize = JSON.parse(config).chunk_size ?? 65536;
    return {
      data: { tag: 'chunked', val: { chunkSize, overhead: LENGTH } },
      keys: undefined,
      validation: { tag: 'nothing' },
    };
  },

  encode(part, data) {
    const encoded = new Uint8Array(data.length + LENGTH);
    encoded.set(data);
    new DataView(encoded.buffer).setUint32(data.length, checksum(data));
    return encoded;
  },

  decode(part, data) {
    const end = data.length - LENGTH;
    const bytes = data.subarray(0, Math.max(end, 0));
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    if (end < 0 || view.getUint32(end) !== checksum(bytes)) {
      throw { tag: 'invalid-data', val: `chunk ${part.index} of "${part.key}" is damaged` };
    }
    return bytes;
  },

  // What `configure` did not ask for is never called.
  mapKey: (key) => key,
  unmapKey: (key) => key,
  validate() {},
};
