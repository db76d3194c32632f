// What the component's runtime library imports of WASI and never needs: there
// are no arguments, no environment, no streams; asking for more is refused.

function refused(what) {
  return () => {
    throw new Error(`the component asked for ${what}, which it is not given`);
  };
}

class Refused {
  constructor() {
    throw new Error('the component asked for a resource of WASI, which it is not given');
  }
}

const noStream = (name) => ({ [`get${name}`]: refused(name) });
const noTerminal = (name, type) => ({ [`getTerminal${name}`]: () => undefined, [type]: Refused });

/** Seeds hash maps. */
function insecureSeed() {
  return [...crypto.getRandomValues(new BigUint64Array(2))];
}

export const wasi = {
  'wasi:cli/environment': { getEnvironment: () => [], getArguments: () => [], initialCwd: () => undefined },
  'wasi:cli/exit': { exit: refused('the end of the process') },
  'wasi:cli/stdin': noStream('Stdin'),
  'wasi:cli/stdout': noStream('Stdout'),
  'wasi:cli/stderr': noStream('Stderr'),
  'wasi:cli/terminal-input': { TerminalInput: Refused },
  'wasi:cli/terminal-output': { TerminalOutput: Refused },
  'wasi:cli/terminal-stdin': noTerminal('Stdin', 'TerminalInput'),
  'wasi:cli/terminal-stdout': noTerminal('Stdout', 'TerminalOutput'),
  'wasi:cli/terminal-stderr': noTerminal('Stderr', 'TerminalOutput'),
  'wasi:io/error': { Error: Refused },
  'wasi:io/poll': { Pollable: Refused, poll: refused('polling') },
  'wasi:io/streams': { InputStream: Refused, OutputStream: Refused },
  'wasi:random/insecure-seed': { insecureSeed },
};
