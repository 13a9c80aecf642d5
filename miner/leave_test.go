package miner_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/miner"
	"strata/wallet"
)

// TestLeave: a leaving miner says so, takes nothing new, serves what it has, and
// goes once its validators have deleted it here.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		data, root := shard(1, 5000)
		n.put(alice, data)
		more, last := shard(2, 700)
		n.put(bob, more)
		before, _ := n.manifest(alice)
		n.stop()
		n.config = func(c *miner.Config) { c.Leave = true }
		n.run()
		for _, v := range []*wallet.Key{alice, bob} {
			h, _ := n.manifest(v)
			if !h.Leaving {
				t.Error("the manifest does not say that it leaves")
			}
			if v == alice && (h.Sequence != before.Sequence+1 || h.Previous != before.Hash(domain) || before.Leaving) {
				t.Errorf("head %+v does not follow %+v", h, before)
			}
		}
		fresh, _ := shard(3, 900)
		o := n.order(alice, fresh)
		_, err := n.PutShard(t.Context(), alice.Hotkey(), o.Root, int64(len(fresh)), bytes.NewReader(fresh), o)
		wantCode(t, "a new shard", err, strata.Locked)
		wait := func(when string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			select {
			case err := <-n.ended:
				n.cancel = nil
				t.Fatalf("%s: it went: %v", when, err)
			default:
			}
		}
		wait("two validators have shards")
		if err := errors.Join(n.get(alice, root), n.get(bob, last)); err != nil {
			t.Error(err)
		}
		if err := n.DeleteShard(t.Context(), alice.Hotkey(), root); err != nil {
			t.Fatal(err)
		}
		wait("one validator has shards")
		if err := n.DeleteShard(t.Context(), bob.Hotkey(), last); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		select {
		case err := <-n.ended:
			if !errors.Is(err, miner.ErrLeft) {
				t.Errorf("it ended with %v", err)
			}
			n.cancel = nil
		default:
			t.Error("it waits although nothing is left")
		}
	})
}

// TestLeaveWithoutThoseWhoCannotMove: a validator that has left the subnet
// cannot move anything, so nobody waits for it.
func TestLeaveWithoutThoseWhoCannotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := key(t, "Alice")
		n := serving(t)
		data, _ := shard(1, 5000)
		n.put(alice, data)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		n.chain.mine(26)
		n.stop()
		n.config = func(c *miner.Config) { c.Leave = true }
		n.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-n.ended:
			n.cancel = nil
			t.Fatalf("it went within the former validator's time: %v", err)
		default:
		}
		n.ahead.Store(int64(31 * 24 * time.Hour))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if err := <-n.ended; !errors.Is(err, miner.ErrLeft) {
			t.Errorf("it ended with %v", err)
		}
		n.cancel = nil
	})
}
