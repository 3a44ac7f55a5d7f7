#!/usr/bin/env bash
# cast (Foundry), unchanged, as a developer at a terminal uses it.
set -euo pipefail

[[ $# -eq 2 ]] || { echo "usage: cast.sh HTTP_URL WS_URL" >&2; exit 2; }
http=$1 ws=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "$(uname -s)-$(uname -m)" in
  Darwin-arm64) platform=darwin-arm64 ;;
  Darwin-*) platform=darwin-amd64 ;;
  *-aarch64) platform=linux-arm64 ;;
  *) platform=linux-amd64 ;;
esac
# The platform package's binary: the wrapper in .bin starts Node.js for each call.
program=$here/node_modules/@foundry-rs/cast-$platform/bin/cast
export FOUNDRY_DISABLE_NIGHTLY_WARNING=1 ETH_RPC_URL=$http

cast() { "$program" "$@"; }
fail() { echo "cast: $step: $*" >&2; exit 1; }
# same WHAT FOUND EXPECTED
same() { [[ $2 == "$3" ]] || fail "$1: found '$2', expected '$3'"; }
# field JSON NAME
field() { node -e 'const v = JSON.parse(process.argv[1])[process.argv[2]]; console.log(typeof v === "object" ? JSON.stringify(v) : v)' "$1" "$2"; }
# fails WHAT WORDS COMMAND...: the command must fail and say one of the words (an extended regular expression)
fails() {
  local what=$1 words=$2 said
  shift 2
  if said=$("$@" 2>&1); then fail "$what: succeeded, and must fail: $said"; fi
  grep -qiE "$words" <<<"$said" || fail "$what: wrong error: $said"
}
fresh() { cast wallet address "0x$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"; }
passed() { echo "cast: $step: ok"; }

# Accounts 6 and 7 of the test mnemonic.
key=0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e
other=0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356
me=$(cast wallet address $key)
them=$(cast wallet address $other)
bytecode=$(node -p 'require(process.argv[1]).bytecode' "$here/artifacts/Probe.json")
send() { cast send --json --private-key $key --timeout 30 "$@"; }

step="chain and balances"
same "chain id" "$(cast chain-id)" 61972
[[ $(cast balance "$me" --ether | cut -d. -f1) -gt 1000 ]] || fail "balance is too low"
same "balance of nobody" "$(cast balance "$(fresh)")" 0
passed

step="transaction types 0, 1 and 2"
for kind in 0: 1:--access-list 2:; do
  type=${kind%%:*} to=$(fresh)
  flags=()
  [[ $type == 0 ]] && flags=(--legacy)
  [[ $type == 1 ]] && flags=(--legacy --access-list "[{\"address\":\"$me\",\"storageKeys\":[]}]")
  receipt=$(send "$to" --value 4242 "${flags[@]}")
  same "type $type status" "$(field "$receipt" status)" 0x1
  same "type $type" "$(field "$receipt" type)" "0x$type"
  same "type $type arrives" "$(cast balance "$to")" 4242
done
passed

step="deploy and call"
receipt=$(send --create "$bytecode" "constructor(uint256)" 41)
same "deployment status" "$(field "$receipt" status)" 0x1
probe=$(field "$receipt" contractAddress)
from=$(field "$receipt" blockNumber)
same "call" "$(cast call "$probe" 'value()(uint256)')" 41
same "storage" "$(cast to-dec "$(cast storage "$probe" 0)")" 41
same "code" "$(cast code "$probe")" "$(node -p 'require(process.argv[1]).deployedBytecode' "$here/artifacts/Probe.json")"
passed

step="estimate, write, logs"
estimate=$(cast estimate --from "$me" "$probe" 'set(uint256,bytes)' 42 0xc0ffee)
receipt=$(send "$probe" 'set(uint256,bytes)' 42 0xc0ffee --gas-limit "$estimate")
same "the estimate suffices" "$(field "$receipt" status)" 0x1
same "value" "$(cast call "$probe" 'value()(uint256)')" 42
logs=$(cast logs --json --from-block "$(cast to-dec "$from")" --address "$probe" 'ValueChanged(address,uint256,uint256,bytes)')
same "one log" "$(field "$logs" length)" 1
passed

step="EIP-7702 delegation"
nonce=$(cast nonce "$them")
authorization=$(cast wallet sign-auth "$probe" --private-key $other --nonce "$nonce" --chain 61972)
receipt=$(send "$them" 'set(uint256,bytes)' 99 0x --auth "$authorization" --gas-limit 200000)
same "status" "$(field "$receipt" status)" 0x1
same "type" "$(field "$receipt" type)" 0x4
same "delegation" "$(cast code "$them")" "0xef0100$(tr '[:upper:]' '[:lower:]' <<<"${probe#0x}")"
same "runs the code on its own storage" "$(cast call "$them" 'value()(uint256)')" 99
authorization=$(cast wallet sign-auth "0x$(printf '0%.0s' {1..40})" --private-key $other --nonce $((nonce + 1)) --chain 61972)
send "$me" --auth "$authorization" --gas-limit 100000 >/dev/null
same "no delegation" "$(cast code "$them")" 0x
passed

step="blocks and fees"
number=$(cast block-number)
same "parent" "$(cast block $((number - 1)) --field hash)" "$(cast block "$number" --field parentHash)"
[[ $(cast gas-price) -gt 0 ]] || fail "gas price is zero"
history=$(cast rpc eth_feeHistory 0x3 latest '[25,75]')
same "fee history length" "$(field "$(field "$history" baseFeePerGas)" length)" 4
passed

step="over WebSocket"
same "chain id" "$(cast chain-id --rpc-url "$ws")" 61972
same "value" "$(cast call --rpc-url "$ws" "$probe" 'value()(uint256)')" 42
passed

step="errors"
to=$(fresh)
fails "nonce too low" "nonce too low" send "$to" --nonce 0 --gas-limit 21000
fails "insufficient funds" "insufficient funds" cast send --private-key "0x$(printf '1a%.0s' {1..32})" "$to" --value 1 --gas-limit 21000
fails "reason" "the weir is closed" cast call "$probe" 'failWithReason()'
fails "panic" "zero|0x12|panic" cast call "$probe" 'failWithPanic(uint256)' 0
fails "custom error" "TooLarge|revert" cast call "$probe" 'set(uint256,bytes)' "$(cast --max-uint)" 0x
fails "unknown method" "not (found|supported)|unsupported|-32601" cast rpc eth_noSuchMethod
receipt=$(send "$probe" 'failWithReason()' --gas-limit 100000 || true)
same "failed transaction" "$(field "$receipt" status)" 0x0
passed
