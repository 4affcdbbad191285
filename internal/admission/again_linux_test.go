// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// Whoever gives back what would not do stands where he stood, before those who
// came later.
func TestPlaceIsKept(t *testing.T) {
	machine, err := NewMachine(leaseDir(t), memory(2))
	if err != nil {
		t.Fatal(err)
	}
	type desk interface {
		Take(context.Context, Request, func(string)) (*Claim, error)
	}
	for name, d := range map[string]desk{"local": NewLocal(memory(2)), "machine": machine} {
		t.Run(name, func(t *testing.T) {
			first, err := d.Take(t.Context(), request(1, 2), quiet)
			if err != nil {
				t.Fatal(err)
			}
			order := make(chan string, 3)
			queue := func(r Request) {
				waits := make(chan struct{})
				var once sync.Once
				go func() {
					c, err := d.Take(t.Context(), r, func(string) { once.Do(func() { close(waits) }) })
					if err != nil {
						t.Error(err)
						order <- err.Error()
						return
					}
					order <- r.ID
					c.Release()
				}()
				<-waits
			}
			queue(request(2, 2))
			queue(request(3, 2))
			again := request(4, 2)
			again.Since = first.Since
			queue(again)
			first.Release()
			want := []string{testID(4), testID(2), testID(3)}
			if got := []string{<-order, <-order, <-order}; !slices.Equal(got, want) {
				t.Errorf("let in are %q, want %q", got, want)
			}
		})
	}
}
