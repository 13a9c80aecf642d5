package devchaintest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
	"strata/chain/timelock"
)

// Chain is a chain without a node around it: its runtime and its state,
// whose blocks hold one extrinsic at most and are made one at a time.
type Chain struct {
	t      testing.TB
	Beacon *timelock.Beacon

	params  pallets.Params
	Runtime *metadata.Runtime
	State   *state.Table // after the last block
	Clock   time.Time
	Hashes  []state.Hash // of the blocks, by number
	Forgot  uint64       // blocks before this one are not known any more
	carried int          // extrinsics in the last block
}

// NewChain makes a chain of the genesis block.
func NewChain(t testing.TB, change func(*pallets.Params)) *Chain {
	t.Helper()
	c := &Chain{t: t, Clock: time.UnixMilli(1_700_000_000_000), State: state.NewTable(), Hashes: []state.Hash{state.HashOf([]byte("genesis"))}}
	if change != nil {
		change(&c.params)
	}
	c.params = c.params.WithDefaults()
	genesis, err := pallets.Genesis(c.params, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.State.Apply(genesis)
	if c.Runtime, err = metadata.New(pallets.SpecAt(c.State), 0); err != nil {
		t.Fatal(err)
	}
	if c.Beacon, err = timelock.NewBeacon([]byte("a beacon for tests, 32 bytes long")); err != nil {
		t.Fatal(err)
	}
	return c
}

// Number returns the last block's.
func (c *Chain) Number() uint64 { return uint64(len(c.Hashes) - 1) }

// Next implements history.
func (c *Chain) Next() uint64 { return uint64(len(c.Hashes)) }

// HashAt implements history.
func (c *Chain) HashAt(number uint64) (state.Hash, bool) {
	if number >= c.Next() || number > 0 && number < c.Forgot {
		return state.Hash{}, false
	}
	return c.Hashes[number], true
}

// block makes a block of extrinsics, all of which have to go in.
func (c *Chain) block(list ...*pallets.Extrinsic) {
	c.t.Helper()
	x := pallets.NewExecution(c.Runtime, c.State, c.Next(), c.params)
	ms, err := x.Begin(c.Hashes[c.Number()], c.Beacon, uint64(c.Clock.UnixMilli()))
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := x.Timestamp(ms); err != nil {
		c.t.Fatal(err)
	}
	for i, t := range list {
		if err := x.Include(t, i+1); err != nil {
			c.t.Fatal(err)
		}
	}
	diff, err := x.Finish()
	if err != nil {
		c.t.Fatal(err)
	}
	c.State.Apply(diff)
	c.carried = len(list)
	c.Hashes = append(c.Hashes, state.HashOf(binary.LittleEndian.AppendUint64(nil, c.Next())))
}

// Step makes empty blocks.
func (c *Chain) Step(blocks int) {
	c.t.Helper()
	for range blocks {
		c.block()
	}
}

// TxParams are those of a transaction that is valid now.
func (c *Chain) TxParams(k Key) scale.TxParams {
	return scale.TxParams{
		Nonce: storage.NonceAt(c.State, k.Public), SpecVersion: c.Runtime.Spec, TxVersion: metadata.TxVersion, Genesis: c.Hashes[0], EraBlock: c.Hashes[0],
	}
}

// read signs a call, reads it as a node does and looks whether it is valid.
func (c *Chain) read(k Key, name string, args scale.Struct) (*pallets.Extrinsic, error) {
	c.t.Helper()
	raw := Signed(c.t, c.Runtime.Meta, k, EncodeCall(c.t, c.Runtime.Meta, name, args), c.TxParams(k))
	x, err := pallets.DecodeExtrinsic(c.Runtime, raw, c)
	if err == nil {
		err = x.ValidFor(c.Runtime, c.State, c.Next())
	}
	return x, err
}

// events returns those of the last block.
func (c *Chain) events() Events {
	c.t.Helper()
	return EventsOf(c.t, c.Runtime.Meta, c.State.Get(storage.SystemEvents.Key()))
}

// Has says whether the last block has an event.
func (c *Chain) Has(event string) bool { return c.events().Has(event) }

// Do runs a call in a block of its own and returns the dispatch error's name,
// "" for success.
func (c *Chain) Do(k Key, name string, args scale.Struct) string {
	c.t.Helper()
	x, err := c.read(k, name, args)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	c.block(x)
	return c.events().Outcome(c.t)
}

// Must is do for calls that have to succeed.
func (c *Chain) Must(k Key, name string, args scale.Struct) {
	c.t.Helper()
	if failed := c.Do(k, name, args); failed != "" {
		c.t.Fatalf("%s: %s", name, failed)
	}
}

// Refused returns why a call does not get into a block, in the refusal's data.
func (c *Chain) Refused(k Key, name string, args scale.Struct) string {
	c.t.Helper()
	_, err := c.read(k, name, args)
	var why *pallets.Refusal
	if !errors.As(err, &why) {
		c.t.Fatalf("%s was taken (%v)", name, err)
	}
	return why.Data
}

// Sudo makes a call as root, by by, and returns the inner error's name.
func (c *Chain) Sudo(by Key, pallet, name string, args scale.Struct) string {
	c.t.Helper()
	inner := scale.Variant{Name: pallet, Value: scale.Variant{Name: name, Value: args}}
	if failed := c.Do(by, "Sudo.sudo", scale.Struct{"call": inner}); failed != "" {
		return failed
	}
	return c.events().SudoOutcome(c.t)
}

// Set overwrites an item of subnet 1, as a root call would.
func (c *Chain) Set(e *storage.Item, value []byte) { c.State.Put(e.Key(state.U16Key(1)), value) }

// Free is what an account can spend.
func (c *Chain) Free(k Key) uint64 { return storage.AccountInfoAt(c.State, k.Public).Free }

// Funded has //Alice give a key an amount.
func (c *Chain) Funded(k Key, amount uint64) Key {
	c.t.Helper()
	c.Must(Alice(c.t), "Balances.transfer_keep_alive", scale.Struct{"dest": scale.Variant{Name: "Id", Value: k.Public}, "value": amount})
	return k
}

// Subnet registers subnet 1, owned by //Alice, with a fresh hotkey as uid 0.
func (c *Chain) Subnet() (owner Key) {
	c.t.Helper()
	owner = NewKey(c.t, 200)
	c.Must(Alice(c.t), "SubtensorModule.register_network", scale.Struct{"hotkey": owner.Public})
	return owner
}

// Register registers a hotkey of //Alice on subnet 1.
func (c *Chain) Register(hot Key) {
	c.t.Helper()
	c.Must(Alice(c.t), "SubtensorModule.burned_register", scale.Struct{"netuid": 1, "hotkey": hot.Public})
}

// Stake has //Alice stake on a hotkey on subnet 1.
func (c *Chain) Stake(hot Key, amount uint64) {
	c.t.Helper()
	c.Must(Alice(c.t), "SubtensorModule.add_stake", scale.Struct{"hotkey": hot.Public, "netuid": 1, "amount_staked": amount})
}

// Epoch makes blocks until an epoch of subnet 1 has just run.
func (c *Chain) Epoch() {
	c.t.Helper()
	last := func() uint64 { return state.U64(c.State, storage.LastStep.Key(state.U16Key(1))) }
	before := last()
	for range 1000 {
		if c.Step(1); last() != before {
			return
		}
	}
	c.t.Fatal("no epoch came")
}

// Market is a chain with a subnet of a staked validator that has its permit,
// uid 1, and two miners, uids 2 and 3.
func Market(t testing.TB, change func(*pallets.Params)) (c *Chain, validator Key) {
	t.Helper()
	c = NewChain(t, change)
	c.Subnet()
	validator = NewKey(t, 1)
	c.Register(validator)
	c.Register(NewKey(t, 2))
	c.Register(NewKey(t, 3))
	c.Stake(validator, Tao(100))
	c.Epoch()
	return c, validator
}

// WeightArgs are the arguments of set_weights; row is uid, weight, uid, weight…
func WeightArgs(netuid int, version uint64, row ...uint16) scale.Struct {
	var uids, values []uint16
	for i := 0; i+1 < len(row); i += 2 {
		uids, values = append(uids, row[i]), append(values, row[i+1])
	}
	return scale.Struct{"netuid": netuid, "dests": uids, "weights": values, "version_key": version}
}

// AxonArgs are the arguments of serve_axon, changed as given.
func AxonArgs(change scale.Struct) scale.Struct {
	args := scale.Struct{
		"netuid": 1, "version": 7, "ip": 0x7f000001, "port": 8091, "ip_type": 4, "protocol": 4, "placeholder1": 0, "placeholder2": 0,
	}
	for k, v := range change {
		args[k] = v
	}
	return args
}

// CommitArgs are the arguments of set_commitment on a subnet.
func CommitArgs(netuid int, fields ...scale.Value) scale.Struct {
	return scale.Struct{"netuid": netuid, "info": scale.Struct{"fields": fields}}
}

// With adds an argument.
func With(s scale.Struct, name string, v scale.Value) scale.Struct {
	s[name] = v
	return s
}
