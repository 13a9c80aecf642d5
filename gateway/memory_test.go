package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"strata"
)

var testTime = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)

// memory is Objects in memory. A failing part can be set per field.
type memory struct {
	mu      sync.Mutex
	objects map[strata.ObjectID]memoryObject
	deleted map[strata.ObjectID]memoryObject
	ranges  [][2]int64 // offset and length of each Range
	fail    error      // of the next calls
	cutAt   int64      // a Range breaks off at this byte of the object; 0: never
	discard bool       // count bodies and keep nothing
	counted int64
}

type memoryObject struct {
	Object
	data []byte
}

func newMemory() *memory { return &memory{objects: map[strata.ObjectID]memoryObject{}} }

func (m *memory) Put(_ context.Context, r PutRequest) (Object, error) {
	if m.fail != nil {
		return Object{}, m.fail
	}
	var buf bytes.Buffer
	var dst io.Writer = &buf
	if m.discard {
		dst = io.Discard
	}
	n, err := io.Copy(dst, r.Body)
	if err != nil {
		return Object{}, strata.E(strata.Internal, "put: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counted += n
	if old := m.named(r.Name); r.Keyed {
		if c := r.Condition; c.Absent && old != (strata.ObjectID{}) || c.Match != (strata.ObjectID{}) && c.Match != old {
			return Object{}, strata.E(strata.Conflict, "%q has another file", r.Name)
		}
		delete(m.objects, old)
	}
	health := NewHealth(2, 6, 6)
	o := memoryObject{data: buf.Bytes(), Object: Object{
		Name: r.Name, ContentType: r.ContentType, Size: n, Health: &health, Keyed: r.Keyed,
		Created: testTime.Add(time.Duration(len(m.objects)) * time.Minute),
	}}
	_, _ = rand.Read(o.ID[:])
	m.objects[o.ID] = o
	return o.Object, nil
}

// named returns what a key names, zero if nothing. m.mu is held.
func (m *memory) named(key string) strata.ObjectID {
	for id, o := range m.objects {
		if o.Keyed && o.Name == key {
			return id
		}
	}
	return strata.ObjectID{}
}

func (m *memory) OpenKey(ctx context.Context, key string) (Object, Content, error) {
	m.mu.Lock()
	id := m.named(key)
	m.mu.Unlock()
	return m.Open(ctx, id)
}

func (m *memory) DeleteKey(ctx context.Context, key string, match strata.ObjectID) (strata.ObjectID, error) {
	m.mu.Lock()
	id := m.named(key)
	m.mu.Unlock()
	if match != (strata.ObjectID{}) && id != (strata.ObjectID{}) && match != id {
		return id, strata.E(strata.Conflict, "%q has another file", key)
	}
	return id, m.Delete(ctx, id)
}

func (m *memory) get(id strata.ObjectID) (memoryObject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[id]
	if !ok {
		return o, strata.E(strata.NotFound, "there is no object %s", id)
	}
	return o, m.fail
}

func (m *memory) Stat(_ context.Context, id strata.ObjectID) (Object, error) {
	o, err := m.get(id)
	o.Segments = []Segment{{Size: o.Size, Health: NewHealth(2, 6, 6)}}
	return o.Object, err
}

func (m *memory) List(_ context.Context, r ListRequest) (ObjectList, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Object
	for _, o := range m.objects {
		if key := o.Name + "/" + o.ID.String(); strings.HasPrefix(o.Name, r.Prefix) && key > r.After {
			if !r.Health {
				o.Health = nil
			}
			all = append(all, o.Object)
		}
	}
	key := func(o Object) string { return o.Name + "/" + o.ID.String() }
	sort.Slice(all, func(i, j int) bool { return key(all[i]) < key(all[j]) })
	out := ObjectList{Objects: all}
	if len(all) > r.Limit {
		out.Objects, out.Next = all[:r.Limit], key(all[r.Limit-1])
	}
	return out, m.fail
}

func (m *memory) Delete(_ context.Context, id strata.ObjectID) error {
	if _, err := m.get(id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deleted == nil {
		m.deleted = map[strata.ObjectID]memoryObject{}
	}
	m.deleted[id] = m.objects[id]
	delete(m.objects, id)
	return nil
}

func (m *memory) Undelete(_ context.Context, id strata.ObjectID) (Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.deleted[id]
	if !ok {
		return Object{}, strata.E(strata.NotFound, "object %s cannot come back", id)
	}
	m.objects[id] = o
	return o.Object, nil
}

func (m *memory) Open(_ context.Context, id strata.ObjectID) (Object, Content, error) {
	o, err := m.get(id)
	if err != nil {
		return Object{}, nil, err
	}
	return o.Object, memoryContent{m, o.data}, nil
}

type memoryContent struct {
	m    *memory
	data []byte
}

func (c memoryContent) Range(_ context.Context, off, n int64) (io.ReadCloser, error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.ranges = append(c.m.ranges, [2]int64{off, n})
	if cut := c.m.cutAt; cut > 0 && off < cut && off+n > cut {
		broken := io.MultiReader(bytes.NewReader(c.data[off:cut]), failing{strata.E(strata.Unavailable, "too few miners answer")})
		return io.NopCloser(broken), nil
	}
	return io.NopCloser(bytes.NewReader(c.data[off : off+n])), nil
}

func (memoryContent) Close() error { return nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.objects)
}

// fakeNetwork is a Network with six good miners and a bad one.
type fakeNetwork struct{ fail error }

func (n fakeNetwork) Status(context.Context) (NetworkStatus, error) {
	st := NetworkStatus{Profile: "local", Netuid: 1, Block: 1234, BlockTime: testTime, SectorSize: 4 << 20, Objects: 1, ObjectBytes: 6_890_123}
	for i := range byte(6) {
		st.Miners = append(st.Miners, Miner{
			Hotkey: strata.Hotkey{1, 2, 3, i}, UID: strata.UID(i), Address: "10.0.0.7:8091", Sealed: 62, Target: 64, ProvenBytes: 61 * 4 << 20,
			AuditsPassed: 4096, AuditsFailed: 2, Weight: 65535, LastSeen: testTime,
		})
	}
	st.Miners = append(st.Miners, Miner{
		Hotkey: strata.Hotkey{9, 8, 7}, UID: 6, Address: "10.0.0.8:8091", Sealed: 20, Target: 64, AuditsFailed: 160,
		LastSeen: testTime.Add(-time.Hour), LastError: "miner 5Xyz at 10.0.0.8:8091: dial tcp 10.0.0.8:8091: connect: connection refused",
	})
	return st, n.fail
}
