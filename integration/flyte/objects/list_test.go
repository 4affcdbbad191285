// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// modelList is what a listing should be, done the slow way.
func modelList(keys []string, q query) (names []string) {
	for _, key := range keys {
		if !strings.HasPrefix(key, q.prefix) || key <= q.after {
			continue
		}
		if i := strings.Index(key[len(q.prefix):], q.delimiter); q.delimiter != "" && i >= 0 {
			key = key[:len(q.prefix)+i+len(q.delimiter)]
			if key == q.after {
				continue
			}
		}
		if len(names) == 0 || names[len(names)-1] != key {
			names = append(names, key)
		}
	}
	return names
}

func randomKey(r *rand.Rand) string {
	long := strings.Repeat("l", 200)
	parts := []string{"a", "b", "/", "/", "/", "-", ".", "..", "0", "%", "é", long, long[:199], "\x7f"}
	var b strings.Builder
	for range 1 + r.IntN(6) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()[:min(b.Len(), 1000)]
}

func TestListAgainstModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	s := newStore(t)
	ctx := context.Background()
	var keys []string
	for range 250 {
		if key := randomKey(r); checkKey(key) == nil {
			mustPut(t, s, key, "x")
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for range 150 {
		q := query{delimiter: []string{"", "/", "/", "-", "a/", "é"}[r.IntN(6)], max: 1 + r.IntN(20)}
		if r.IntN(3) > 0 {
			key := keys[r.IntN(len(keys))]
			q.prefix = key[:r.IntN(len(key)+1)]
		}
		if r.IntN(3) == 0 {
			key := keys[r.IntN(len(keys))]
			q.after = key[:r.IntN(len(key)+1)]
		}
		want := modelList(keys, q)
		var got []string
		for next := q; ; {
			p, err := s.page(ctx, next)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range p.items {
				got = append(got, it.name())
			}
			if !p.more {
				break
			}
			if len(p.items) != q.max {
				t.Fatalf("a page of %d items, not the last one, asked for %d", len(p.items), q.max)
			}
			next.after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+.60v:\n got %.300q\nwant %.300q", q, got, want)
		}
	}
}

func TestListPages(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	for i := range 10 {
		mustPut(t, s, fmt.Sprintf("d/%d", i), strings.Repeat("x", i))
	}
	list, more, err := s.List(ctx, "d/", "d/3", 4)
	if err != nil || !more || !slices.Equal(keysOf(list), []string{"d/4", "d/5", "d/6", "d/7"}) || list[0].Size != 4 || list[0].ETag == "" {
		t.Errorf("%+v, %v, %v", list, more, err)
	}
	list, more, err = s.List(ctx, "d/", "d/7", 2)
	if err != nil || more || len(list) != 2 {
		t.Errorf("the last page: %q, %v, %v", keysOf(list), more, err)
	}
	for _, prefix := range []string{"none", "d/3/", "d/4/x", "\x00", "\xff/", strings.Repeat("x", 5000), "..", "d//"} {
		if list, more, err := s.List(ctx, prefix, "", 10); err != nil || more || len(list) > 0 {
			t.Errorf("List(%.20q): %q, %v, %v", prefix, keysOf(list), more, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := s.List(ctx, "", "", 10); err == nil {
		t.Error("cancelled, and yet a list")
	}
}
