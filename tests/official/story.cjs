// ThreeFold's clients on the local grid. Tells each step as a line of JSON; where the word is "wait", goes on after a line on
// standard input. Usage: node story.cjs <folder of the packages> <what `cooperage grid --json` said>
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

// The clients talk a lot, and to standard output.
const say = step => fs.writeSync(1, JSON.stringify(step) + "\n");
for (const level of ["log", "info", "debug", "warn"]) console[level] = (...words) => console.error(...words);

const { lead, strayed } = require("./loopback.cjs");
const folder = process.argv[2];
const grid = JSON.parse(process.argv[3]);
const load = createRequire(path.join(folder, "index.js"));
const wait = async step => {
  say({ ...step, wait: true });
  await new Promise(goOn => process.stdin.once("data", goOn).resume());
  process.stdin.pause();
};
const portOf = url => Number(new URL(url).port);
const GIB = 1024 ** 3;

async function index() {
  const { default: GridProxyClient, NodeStatus } = load("@threefold/gridproxy_client");
  const proxy = new GridProxyClient(grid.index.replace(/\/$/, ""));
  const all = await proxy.nodes.list({ retCount: true, size: 100 });
  assert.equal(all.count, grid.nodes);
  assert.equal(all.data.length, grid.nodes);
  const belgian = await proxy.nodes.list({ country: "Belgium", status: "up", freeMru: 16 * GIB, retCount: true }, { loadFarm: true, loadTwin: true });
  assert.ok(belgian.count > 0 && belgian.data.every(node => node.country === "Belgium" && node.status === "up"));
  assert.ok(belgian.data.every(node => node.total_resources.mru - node.used_resources.mru >= 16 * GIB));
  assert.ok(belgian.data.every(node => node.farm.farmId === node.farmId && node.twin.twinId === node.twinId));
  const biggest = await proxy.nodes.list({ sortBy: "total_mru", sortOrder: "desc", size: 1 });
  assert.equal(biggest.data[0].total_resources.mru, Math.max(...all.data.map(node => node.total_resources.mru)));
  for (const [wish, holds] of [
    [{ hasIPv6: true }, node => node.publicConfig !== undefined],
    [{ dedicated: true }, node => node.inDedicatedFarm || node.dedicated],
    [{ dedicated: false }, node => !node.inDedicatedFarm],
    [{ rentable: true }, node => node.rentable],
    [{ ownedBy: all.data[0].farm?.twinId ?? 1 }, node => node.farmId === 1],
  ]) {
    const found = await proxy.nodes.list({ ...wish, size: 100 });
    assert.ok(found.data.length < grid.nodes || wish.rentable, `${JSON.stringify(wish)} chooses`);
    assert.ok(found.data.length > 0 && found.data.every(holds), JSON.stringify(wish));
  }
  const one = await proxy.nodes.byId(1, { loadFarm: true, loadStats: true });
  assert.equal(one.total_resources.cru, all.data.find(node => node.nodeId === 1).total_resources.cru);
  assert.equal(one.stats.total.mru, one.total_resources.mru);
  const farms = await proxy.farms.list({ retCount: true, size: 100 });
  assert.equal(farms.count, grid.farms);
  const barn = await proxy.farms.list({ nameContains: "barn", freeIps: 1 });
  assert.deepEqual(barn.data.map(farm => farm.name), ["Hilbert's Barn"]);
  const gateways = await proxy.gateways.list({ size: 100 });
  assert.ok(gateways.data.length > 0 && gateways.data.every(node => node.publicConfig.domain !== ""));
  assert.equal((await proxy.stats.get({ status: "up" })).farms, grid.farms);
  say({ step: "index", nodes: all.count, farms: farms.count, belgian: belgian.count });
  return proxy;
}

async function twin(account) {
  const { Client } = load("@threefold/tfchain_client");
  const chain = new Client({ url: grid.chain, mnemonicOrSecret: account.mnemonic });
  await chain.connect();
  assert.equal(chain.address, account.address);
  assert.equal(await chain.twins.getMyTwinId(), null);
  // Without the terms there is no twin, and the chain's own error says so.
  await assert.rejects(async () => (await chain.twins.create({ relay: grid.relay_name, pk: null })).apply(), { keyError: "UserDidNotSignTermsAndConditions" });
  await (await chain.termsAndConditions.accept({ documentLink: "https://library.threefold.me/info/legal/#/", documentHash: "0123456789abcdef0123456789abcdef" })).apply();
  const made = await (await chain.twins.create({ relay: grid.relay_name, pk: null })).apply();
  assert.equal(await chain.twins.getMyTwinId(), made.id);
  // A batch of which the second cannot be leaves nothing behind.
  const transfer = await chain.balances.transfer({ address: grid.accounts[0].address, amount: 1000 });
  const before = (await chain.balances.get({ address: grid.accounts[0].address })).free;
  await assert.rejects(async () => chain.applyAllExtrinsics([transfer, chain.patchExtrinsic(chain.api.tx.smartContractModule.cancelContract(999999))]), { keyError: "ContractNotExists" });
  assert.equal((await chain.balances.get({ address: grid.accounts[0].address })).free, before);
  await chain.applyAllExtrinsics([transfer]);
  assert.equal((await chain.balances.get({ address: grid.accounts[0].address })).free, before + 1000);
  assert.equal((await chain.farms.get({ id: 1 })).name, "Hilbert's Barn");
  assert.equal((await chain.nodes.get({ id: 1 })).farmId, 1);
  assert.ok((await chain.tftPrice.get()) > 0);
  assert.equal((await chain.pricingPolicies.get({ id: 1 })).cu.value, 100000);
  say({ step: "twin", twin: made.id });
  return { chain, id: made.id };
}

async function bus(chain, account, twinOfNode) {
  const { Client } = load("@threefold/rmb_direct_client");
  const rmb = new Client(grid.chain, `wss://${grid.relay_name}`, account.mnemonic, "official", "sr25519", 5);
  await rmb.connect();
  const mine = await chain.twins.get({ id: await chain.twins.getMyTwinId() });
  assert.equal(mine.relay, grid.relay_name);
  assert.match(mine.pk, /^0x0[23][0-9a-f]{64}$/);
  const ask = async (command, payload = "") => rmb.read(await rmb.send(command, payload, twinOfNode, 1));
  const statistics = await ask("zos.statistics.get");
  assert.ok(statistics.total.mru > statistics.used.mru);
  const version = await ask("zos.system.version");
  assert.match(version.zos, /\d/);
  await assert.rejects(ask("zos.deployment.get", JSON.stringify({ contract_id: 4711 })), /not found/);
  await assert.rejects(ask("zos.nothing.here"));
  say({ step: "bus", zos: version.zos, memory: statistics.total.mru });
}

async function deploy(account, me, proxy, node) {
  const { GridClient, NetworkEnv, BackendStorageType, KeypairType } = load("@threefold/grid_client");
  const client = new GridClient({
    network: NetworkEnv.dev,
    mnemonic: account.mnemonic,
    storeSecret: "a secret",
    keypairType: KeypairType.sr25519,
    backendStorageType: BackendStorageType.fs,
    projectName: "",
    proxyURL: grid.index.replace(/\/$/, ""),
    graphqlURL: grid.graphql,
    substrateURL: grid.chain,
    relayURL: `wss://${grid.relay_name}`,
    activationURL: `${grid.index}activation`,
  });
  await client.connect();
  assert.equal(client.twinId, me);
  say({ step: "connected", twin: client.twinId });
  const fits = await client.capacity.filterNodes({ country: "Belgium", mru: 8, sru: 50, availableFor: me, mycelium: true });
  assert.ok(fits.some(it => it.nodeId === node) && fits.every(it => it.country === "Belgium"));
  const farms = await client.capacity.filterFarms({ country: "Belgium", nodeCertified: true, availableFor: me });
  assert.deepEqual(farms.map(farm => farm.name).sort(), ["Hilbert's Barn", "Lieve Servers"]);
  const free = async () => (await client.capacity.nodes.getNodeFreeResources(node)).mru;
  const before = await free();
  const vm = {
    name: "officialvm",
    network: { name: "officialnet", ip_range: "10.249.0.0/16", addAccess: false, myceliumSeeds: [] },
    machines: [
      {
        name: "vm1",
        node_id: node,
        disks: [{ name: "data1", size: 10, mountpoint: "/data" }],
        public_ip: false,
        public_ip6: false,
        planetary: false,
        mycelium: true,
        cpu: 2,
        memory: 4096,
        rootfs_size: 20,
        flist: "https://hub.grid.tf/tf-official-apps/threefoldtech-ubuntu-22.04.flist",
        entrypoint: "/sbin/zinit init",
        env: { SSH_KEY: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1aWxkIGEgYmFycmVsIGFuZCByb2xsIGl0IGF3YXk official" },
      },
    ],
    metadata: "",
    description: "made by ThreeFold's own client",
  };
  const made = await client.machines.deploy(vm);
  assert.ok(made.contracts.created.length >= 1);
  const held = await client.contracts.listMyContracts();
  const ids = held.nodeContracts.map(contract => Number(contract.contractID)).sort();
  assert.equal(ids.length, 2, "a network and a machine");
  const [machine] = await client.machines.getObj(vm.name);
  assert.equal(machine.status, "ok");
  assert.match(machine.myceliumIP, /^[45]/);
  assert.equal(machine.capacity.memory, 4096);
  assert.deepEqual(await client.machines.list(), [vm.name]);
  assert.equal(before - (await free()), 4 * GIB);
  const listed = await proxy.contracts.list({ twinId: me, state: ["Created"], retCount: true });
  assert.equal(listed.count, 2);
  await wait({ step: "deployed", node, contracts: ids, hashes: listed.data.map(contract => contract.details.deployment_hash) });
  // Two hours went by: the chain billed, and the client can read its bills.
  const consumption = await client.contracts.getConsumption({ id: ids[1] });
  assert.ok(consumption.amountBilled > 0, JSON.stringify(consumption));
  say({ step: "billed", perHour: consumption.amountBilled, level: consumption.discountReceived });
  const gone = await client.machines.delete({ name: vm.name });
  assert.equal(gone.deleted.length, 2);
  const left = await client.contracts.listMyContracts();
  assert.equal(left.nodeContracts.length, 0);
  assert.deepEqual(await client.machines.list(), []);
  await wait({ step: "deleted" });
  assert.equal(await free(), before);
  await client.disconnect();
}

async function main() {
  await lead(folder, grid.relay_name, portOf(grid.relay));
  await lead(folder, "kyc.dev.grid.tf", portOf(grid.identity));
  const account = grid.accounts.find(account => account.name === "ada");
  const node = Number(process.argv[4] ?? 1);
  const proxy = await index();
  const { chain, id } = await twin(account);
  const { twinId } = await proxy.nodes.byId(node);
  await bus(chain, account, twinId);
  await deploy(account, id, proxy, node);
  assert.deepEqual(strayed, [], "nothing leaves this machine");
  say({ step: "done" });
}

main().then(
  () => process.exit(0),
  error => {
    console.error(error);
    if (strayed.length > 0) console.error("wanted to leave this machine:", strayed);
    process.exit(1);
  },
);
process.on("unhandledRejection", error => {
  console.error(error);
  process.exit(1);
});
