// viem, unchanged, as a wallet and a dapp use it.
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http as httpTransport,
  parseEther,
  parseGwei,
  verifyTypedData,
  webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, fails, fresh, holds, http, keys, run, same, soon, ws } from "./check.mjs";

const account = privateKeyToAccount(keys[0]);
const delegator = privateKeyToAccount(keys[1]);
const chain = defineChain({
  id: 61972,
  name: "weir",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [http], webSocket: [ws] } },
});
const polling = { pollingInterval: 50 };
const node = createPublicClient({ chain, transport: httpTransport(http), ...polling });
const wallet = createWalletClient({ account, chain, transport: httpTransport(http), ...polling });
const live = createPublicClient({ chain, transport: webSocket(ws) });
const probe = artifact("Probe");

const receiptOf = (hash) => node.waitForTransactionReceipt({ hash, timeout: 20_000 });
const send = async (what, transaction) => {
  const receipt = await receiptOf(await wallet.sendTransaction(transaction));
  same(`${what} succeeds`, receipt.status, "success");
  return receipt;
};

let contract;
let deployedAt;

await run("viem", {
  "chain and balances": async () => {
    same("chain id", await node.getChainId(), 61972);
    holds("block number", (await node.getBlockNumber()) >= 0n);
    holds("balance", (await node.getBalance({ address: account.address })) > parseEther("1000"));
    same("balance of nobody", await node.getBalance({ address: fresh() }), 0n);
  },
  "transaction types 0, 1 and 2": async () => {
    const gasPrice = await node.getGasPrice();
    const kinds = [
      ["legacy", { type: "legacy", gasPrice }],
      ["eip2930", { type: "eip2930", gasPrice, accessList: [{ address: account.address, storageKeys: [] }] }],
      ["eip1559", { type: "eip1559" }],
    ];
    for (const [name, fields] of kinds) {
      const to = fresh();
      const receipt = await send(name, { to, value: 12_345n, ...fields });
      same(`${name} type in the receipt`, receipt.type, name);
      same(`${name} arrives`, await node.getBalance({ address: to }), 12_345n);
      const transaction = await node.getTransaction({ hash: receipt.transactionHash });
      same(`${name} type`, transaction.type, name);
      same(`${name} sender`, transaction.from.toLowerCase(), account.address.toLowerCase());
      same(`${name} block`, transaction.blockHash, receipt.blockHash);
    }
  },
  "deploy and call": async () => {
    const hash = await wallet.deployContract({ abi: probe.abi, bytecode: probe.bytecode, args: [41n] });
    const receipt = await receiptOf(hash);
    same("deployment succeeds", receipt.status, "success");
    contract = { address: receipt.contractAddress, abi: probe.abi };
    deployedAt = receipt.blockNumber;
    same("code", await node.getCode({ address: contract.address }), probe.deployedBytecode);
    same("call", await node.readContract({ ...contract, functionName: "value" }), 41n);
    same("storage", BigInt(await node.getStorageAt({ address: contract.address, slot: "0x0" })), 41n);
    const before = { ...contract, functionName: "value", blockNumber: deployedAt - 1n };
    await fails("call before the deployment", () => node.readContract(before), /returned no data/);
  },
  "estimate, write, logs": async () => {
    const args = [42n, "0xc0ffee"];
    const call = { ...contract, functionName: "set", args, account };
    const estimate = await node.estimateContractGas(call);
    const receipt = await receiptOf(await wallet.writeContract({ ...call, gas: estimate }));
    same("the estimate suffices", receipt.status, "success");
    holds("and is near", receipt.gasUsed <= estimate && estimate <= (receipt.gasUsed * 13n) / 10n);
    same("one log", receipt.logs.length, 1);
    const events = await node.getContractEvents({
      ...contract,
      eventName: "ValueChanged",
      args: { by: account.address, next: 42n },
      fromBlock: deployedAt,
    });
    same("one event", events.length, 1);
    const { previous, next, note } = events[0].args;
    same("event", [previous, next, note], [41n, 42n, "0xc0ffee"]);
    same("event's transaction", events[0].transactionHash, receipt.transactionHash);
    same("value then", await node.readContract({ ...contract, functionName: "value", blockNumber: receipt.blockNumber }), 42n);
    const none = await node.getContractEvents({ ...contract, eventName: "ValueChanged", args: { next: 7n }, fromBlock: 0n });
    same("no event with another value", none, []);
    await receiptOf(await wallet.writeContract({ ...contract, functionName: "shout", args: [5n] }));
    const all = await node.getLogs({ address: contract.address, fromBlock: deployedAt });
    same("six logs in all", all.length, 6);
  },
  "EIP-7702 delegation": async () => {
    const authorization = await wallet.signAuthorization({ account: delegator, contractAddress: contract.address });
    const call = { abi: probe.abi, functionName: "set", args: [99n, "0x"] };
    const hash = await wallet.writeContract({ ...call, address: delegator.address, authorizationList: [authorization] });
    const receipt = await receiptOf(hash);
    same("succeeds", [receipt.status, receipt.type], ["success", "eip7702"]);
    const code = await node.getCode({ address: delegator.address });
    same("delegation", code, `0xef0100${contract.address.slice(2).toLowerCase()}`);
    same("runs the code on its own storage", await node.readContract({ ...contract, address: delegator.address, functionName: "value" }), 99n);
    const transaction = await node.getTransaction({ hash });
    same("authorization list", transaction.authorizationList.length, 1);
    // Taken back, so that a second run on this chain starts alike.
    const back = await wallet.signAuthorization({ account: delegator, contractAddress: `0x${"00".repeat(20)}` });
    await send("taking it back", { to: account.address, authorizationList: [back] });
    same("no delegation", await node.getCode({ address: delegator.address }), undefined);
  },
  "blocks and fees": async () => {
    const block = await node.getBlock({ includeTransactions: true });
    same("parent", (await node.getBlock({ blockNumber: block.number - 1n })).hash, block.parentHash);
    same("by hash", (await node.getBlock({ blockHash: block.hash })).number, block.number);
    const history = await node.getFeeHistory({ blockCount: 3, rewardPercentiles: [25, 75] });
    same("fee history lengths", [history.baseFeePerGas.length, history.gasUsedRatio.length, history.reward.length], [4, 3, 3]);
    const fees = await node.estimateFeesPerGas();
    holds("fees", fees.maxFeePerGas >= fees.maxPriorityFeePerGas);
  },
  "heads and logs over WebSocket": async () => {
    let stop = [];
    const head = new Promise((resolve, reject) => {
      stop.push(live.watchBlocks({ onBlock: resolve, onError: reject, emitOnBegin: false }));
    });
    const log = new Promise((resolve, reject) => {
      stop.push(live.watchContractEvent({ ...contract, eventName: "ValueChanged", onLogs: resolve, onError: reject }));
    });
    // The subscriptions are in place when the socket has answered a later request.
    await live.getBlockNumber();
    await live.getBlockNumber();
    const hash = await wallet.writeContract({ ...contract, functionName: "set", args: [1_000n, "0x01"] });
    const [block, logs] = await soon("a head and a log", Promise.all([head, log]));
    holds("head", block.number > deployedAt);
    same("log", [logs[0].args.next, logs[0].transactionHash], [1_000n, hash]);
    await receiptOf(hash);
    for (const end of stop) end();
  },
  "the life of a transaction": async () => {
    const request = (method, params) => node.request({ method, params });
    const to = fresh();
    const nonce = await node.getTransactionCount({ address: account.address });
    const sign = async (more) => wallet.signTransaction(await wallet.prepareTransactionRequest({ to, value: 1n, gas: 21_000n, ...more }));
    // Synchronous submission (EIP-7966): the receipt, or why there is none.
    const receipt = await request("eth_sendRawTransactionSync", [await sign({ nonce }), 10_000]);
    same("receipt", [receipt.status, receipt.to], ["0x1", to]);
    const gapped = await sign({ nonce: nonce + 5 });
    const refused = await request("eth_sendRawTransactionSync", [gapped]).catch((error) => error);
    const code = (error) => error.walk((cause) => typeof cause.code === "number" && "data" in cause) ?? error.walk();
    same("a nonce gap", [code(refused).code, code(refused).data], [6, `0x${(nonce + 1).toString(16)}`]);
    const included = await request("weir_transactionStatus", [receipt.transactionHash]);
    same("status", [included.status, included.blockNumber], ["included", receipt.blockNumber]);
    same("unknown", await request("weir_transactionStatus", [`0x${"ab".repeat(32)}`]), null);
    // Conditions (ERC-7796).
    const known = (balance) => ({ knownAccounts: { [to]: { balance, code: "0x" } } });
    const wrong = await request("eth_sendRawTransactionConditional", [await sign({ nonce: nonce + 1 }), known("0x2")]).catch((error) => error);
    same("a condition that does not hold", code(wrong).code, -32003);
    const hash = await request("eth_sendRawTransactionConditional", [await sign({ nonce: nonce + 1 }), known("0x1")]);
    await receiptOf(hash);
    same("balance", await node.getBalance({ address: to }), 2n);
    // Signed receipts: wallets check them as typed data (EIP-712).
    const signed = await request("weir_sendRawTransactionSigned", [await sign({ nonce: nonce + 2 })]);
    const typed = {
      domain: { name: "Weir receipt", version: "1", chainId: Number(signed.chainId) },
      types: { Receipt: [{ name: "transactionHash", type: "bytes32" }, { name: "sequence", type: "uint64" }, { name: "timeMs", type: "uint64" }] },
      primaryType: "Receipt",
      message: { transactionHash: signed.transactionHash, sequence: BigInt(signed.sequence), timeMs: BigInt(signed.timeMs) },
    };
    holds("signature", await verifyTypedData({ address: signed.signer, signature: signed.signature, ...typed }));
    typed.message.sequence += 1n;
    holds("of this number alone", !(await verifyTypedData({ address: signed.signer, signature: signed.signature, ...typed })));
    await receiptOf(signed.transactionHash);
  },
  "errors": async () => {
    const nonce = await node.getTransactionCount({ address: account.address });
    const to = fresh();
    await fails("nonce too low", () => wallet.sendTransaction({ to, nonce: 0, gas: 21_000n }), /nonce too low|lower than the current nonce/i);
    const poor = privateKeyToAccount(`0x${"17".repeat(32)}`);
    const broke = { account: poor, to, value: 1n, gas: 21_000n, nonce: 0, maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: 0n };
    await fails("insufficient funds", () => wallet.sendTransaction(broke), /insufficient funds|exceeds the balance|total cost/i);
    const read = (functionName, args = []) => () => node.readContract({ ...contract, functionName, args });
    await fails("reason", read("failWithReason"), /the weir is closed/);
    await fails("panic", read("failWithPanic", [0n]), /division|modulo by zero|panic|0x12/i);
    const tooLarge = () => node.simulateContract({ ...contract, functionName: "set", args: [1n << 200n, "0x"], account });
    await fails("custom error", tooLarge, /TooLarge/);
    await fails("intrinsic gas", () => wallet.sendTransaction({ to, gas: 20_999n }), /intrinsic gas|gas.*too low/i);
    await fails("unknown method", () => node.request({ method: "eth_noSuchMethod" }), /not (found|supported|exist)|does not exist|unsupported/i);
    same("nothing was sent", await node.getTransactionCount({ address: account.address }), nonce);
    // A failed transaction is included, with status 0, and pays for its gas.
    const failing = await wallet.writeContract({ ...contract, functionName: "failWithReason", gas: 100_000n });
    same("failed transaction", (await receiptOf(failing)).status, "reverted");
  },
});
