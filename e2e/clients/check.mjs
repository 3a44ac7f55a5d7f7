// What every client script needs: the node's address, accounts, contracts, and checks that end the script at the
// first wrong result with a message.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Addresses of the node, from the command line: http[s] and ws. */
export const [http, ws] = process.argv.slice(2);
if (!http || !ws) {
  console.error("usage: node CLIENT.mjs HTTP_URL WS_URL");
  process.exit(2);
}

/** Keys of the test mnemonic, by index. Each client has its own, so that they can run side by side. */
export const keys = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
  "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
  "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
];

/** A fresh address that nobody has used. */
export const fresh = () =>
  `0x${Array.from(crypto.getRandomValues(new Uint8Array(20)), (b) => b.toString(16).padStart(2, "0")).join("")}`;

/** A compiled contract of `contracts/`: abi and bytecode. */
export const artifact = (name) =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../artifacts/${name}.json`, import.meta.url)), "utf8"));

/** Two values that must be the same. */
export const same = (what, found, expected) => assert.deepEqual(found, expected, what);
/** A statement that must hold. */
export const holds = (what, statement) => assert.ok(statement, what);

/** An action that must fail with an error that says `words`. */
export const fails = async (what, action, words) => {
  let error;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `${what}: succeeded, and must fail`);
  const text = [error.message, error.details, error.shortMessage, error.info && JSON.stringify(error.info)].join(" ");
  assert.match(text, words, `${what}: wrong error: ${text}`);
};

/** A promise that must end within ten seconds. */
export const soon = (what, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ten seconds`)), 10_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Runs the steps in order, prints each, and ends the process. */
export const run = async (client, steps) => {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (error) {
      console.error(`${client}: ${name}: ${error.stack ?? error}`);
      process.exit(1);
    }
    console.log(`${client}: ${name}: ok`);
  }
  process.exit(0);
};
