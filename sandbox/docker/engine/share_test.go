// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/sandbox"
)

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s pulls
		fetched := 0
		fetch := func(ctx context.Context, tell func(sandbox.Progress)) (Image, error) {
			fetched++
			for i := range 3 {
				time.Sleep(time.Second)
				tell(sandbox.Progress{Done: int64(i)})
			}
			return Image{ID: "x"}, ctx.Err()
		}
		var wait sync.WaitGroup
		told := make([][]int64, 5)
		for i := range told {
			wait.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				got, err := s.do(t.Context(), share{reference: "x"}, func(p sandbox.Progress) { told[i] = append(told[i], p.Done) }, fetch)
				if err != nil || got.ID != "x" {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wait.Wait()
		if fetched != 1 {
			t.Errorf("fetched %d times", fetched)
		}
		for i, told := range told {
			if len(told) == 0 || told[len(told)-1] != 2 {
				t.Errorf("caller %d was told %v", i, told)
			}
		}
		if _, err := s.do(t.Context(), share{reference: "x"}, nil, fetch); err != nil || fetched != 2 {
			t.Errorf("the next one: %v, %d", err, fetched)
		}
	})
}

// Who leaves takes nobody along; with the last one the transfer ends.
func TestShareLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s pulls
		ended := make(chan error, 1)
		fetch := func(ctx context.Context, tell func(sandbox.Progress)) (Image, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return Image{}, ctx.Err()
		}
		call := func(ctx context.Context) error {
			_, err := s.do(ctx, share{reference: "x"}, func(sandbox.Progress) {}, fetch)
			return err
		}
		first, leaveFirst := context.WithCancel(t.Context())
		second, leaveSecond := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { errs <- call(first) }()
		go func() { errs <- call(second) }()
		synctest.Wait()
		leaveFirst()
		if err := <-errs; KindOf(err) != Cancelled {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("the transfer ended with the first one: %v", err)
		default:
		}
		leaveSecond()
		<-errs
		if err := <-ended; !errors.Is(err, errNobody) {
			t.Errorf("%v", err)
		}
	})
}

func TestTurn(t *testing.T) {
	dir, key := t.TempDir(), share{reference: "x"}
	first, pulled, err := takeTurn(t.Context(), dir, "e", key)
	if err != nil || pulled {
		t.Fatal(pulled, err)
	}
	other, _, err := takeTurn(t.Context(), dir, "e", share{reference: "y"})
	if err != nil {
		t.Fatal("another image had to wait:", err)
	}
	other.end()

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := takeTurn(ctx, dir, "e", key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a turn that is taken was given again: %v", err)
	}

	next, err := queue(dir, "e", key)
	if err != nil {
		t.Fatal(err)
	}
	first.pulled()
	first.end()
	if pulled, err := next.take(t.Context()); err != nil || !pulled {
		t.Errorf("the next one was not told that the image is here: %v, %v", pulled, err)
	}
	next.end()
	if after, pulled, err := takeTurn(t.Context(), dir, "e", key); err != nil || pulled {
		t.Errorf("one that did not wait takes an old image for new: %v, %v", pulled, err)
	} else {
		after.end()
	}
}
