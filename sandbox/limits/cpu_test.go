// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"math"
	"testing"
)

// The rows are the table of kubelet, KEP-2254 and runc figures that the
// package doc's sources give.
func TestCPU(t *testing.T) {
	for _, tc := range []struct {
		milli         int64
		shares        uint64
		linear, curve uint64
		quota         int64
	}{
		{0, 2, 1, 1, 0},
		{1, 2, 1, 1, 1000},
		{10, 10, 1, 4, 1000},
		{100, 102, 4, 17, 10_000},
		{250, 256, 10, 35, 25_000},
		{500, 512, 20, 59, 50_000},
		{1000, 1024, 39, 100, 100_000},
		{2000, 2048, 79, 174, 200_000},
		{4000, 4096, 157, 303, 400_000},
		{16000, 16384, 625, 942, 1_600_000},
		{-5, 2, 1, 1, 0},
		{256_000, 262144, 10000, 10000, 25_600_000},
		{math.MaxInt64, 262144, 10000, 10000, 0},
	} {
		shares := SharesFromMilli(tc.milli)
		if shares != tc.shares {
			t.Errorf("SharesFromMilli(%d) = %d, want %d", tc.milli, shares, tc.shares)
		}
		if got := WeightFromSharesLinear(shares); got != tc.linear {
			t.Errorf("WeightFromSharesLinear(%d) = %d, want %d", shares, got, tc.linear)
		}
		if got := WeightFromShares(shares); got != tc.curve {
			t.Errorf("WeightFromShares(%d) = %d, want %d", shares, got, tc.curve)
		}
		if got := Quota(tc.milli); got != tc.quota {
			t.Errorf("Quota(%d) = %d, want %d", tc.milli, got, tc.quota)
		}
	}
}

func TestWeightsStayInTheKernelsBounds(t *testing.T) {
	var last uint64
	for shares := uint64(2); shares <= MaxShares; shares += 7 {
		got := WeightFromShares(shares)
		if got < MinWeight || got > MaxWeight || got < last {
			t.Fatalf("WeightFromShares(%d) = %d after %d", shares, got, last)
		}
		last = got
	}
	if WeightFromShares(0) != 0 || WeightFromSharesLinear(0) != 0 {
		t.Error("unset shares got a weight")
	}
}
