// RedactStore: e-mail addresses in text never reach the base.

// The engine here knows no classes of Unicode: whatever is not ASCII is a letter.
const ADDRESS = /[\w\x80-\uffff.!#$%&'*+/=?^`{|}~-]+@[\w\x80-\uffff-]+(?:\.[\w\x80-\uffff-]+)+/g;

let mask;

export const transform = {
  describe: () => ({
    name: 'RedactStore',
    doc: 'Blacks out e-mail addresses in text',
    configSchema: JSON.stringify({
      type: 'object',
      properties: { mask: { type: 'string', default: '[redacted]', description: 'What stands for an address' } },
      additionalProperties: false,
    }),
  }),

  configure(config) {
    mask = JSON.parse(config).mask ?? '[redacted]';
    const data = { tag: 'whole', val: { maxSize: 4 * 1024 * 1024, reversible: false } };
    return { data, validation: { tag: 'nothing' } };
  },

  encode: ({ key }, data) => new TextEncoder().encode(text(key, data).replaceAll(ADDRESS, () => mask)),
  decode: (part, data) => data,
  mapKey: (key) => key,
  unmapKey: (baseKey) => baseKey,
  validate() {},
};

function text(key, data) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw { tag: 'invalid-data', val: `${JSON.stringify(key)} is not text in UTF-8, in which addresses can be found` };
  }
}
