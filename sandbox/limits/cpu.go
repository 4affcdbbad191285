// SPDX-License-Identifier: Apache-2.0

package limits

import "math"

// The kernel's bounds of cpu.shares (cgroup v1) and cpu.weight (v2), and CFS
// bandwidth in microseconds.
const (
	MinShares = 2
	MaxShares = 262144

	MinWeight = 1
	MaxWeight = 10000

	Period   = 100_000 // the kubelet's default cpuCFSQuotaPeriod
	MinQuota = 1000    // below it the kernel answers EINVAL
)

// SharesFromMilli gives a CPU request of m millicores in cgroup v1 shares, as
// the kubelet's MilliCPUToShares. The kernel's bounds are kept; 0 gives 2.
func SharesFromMilli(m int64) uint64 {
	if m <= 0 {
		return MinShares
	}
	if m > MaxShares*1000/1024 { // also keeps the product from overflowing
		return MaxShares
	}
	return max(MinShares, uint64(m)*1024/1000)
}

// Quota gives a CPU limit of m millicores in microseconds of each Period, as
// the kubelet's milliCPUToQuota; 0, no limit, gives 0, no quota. More than
// this machine's cores is fine with the kernel.
func Quota(m int64) int64 {
	if m <= 0 {
		return 0
	}
	if m > math.MaxInt64/Period {
		return 0 // more CPUs than will ever be: as good as no limit
	}
	return max(MinQuota, m*Period/1000)
}

// WeightFromShares converts shares to a cgroup v2 weight by the curve that
// runc uses since 1.3.2 (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value):
// quadratic in log2, so that 2, 1024 and 262144 become 1, 100 and 10000.
// 0 stays 0: not set.
func WeightFromShares(shares uint64) uint64 {
	switch {
	case shares == 0:
		return 0
	case shares <= MinShares:
		return MinWeight
	case shares >= MaxShares:
		return MaxWeight
	}
	l := math.Log2(float64(shares))
	exponent := (l*l+125*l)/612.0 - 7.0/34.0
	return uint64(math.Ceil(math.Pow(10, exponent)))
}

// WeightFromSharesLinear is the older conversion (KEP-2254), which the kubelet
// still uses for pod cgroups: 1024 shares become 39. 0 stays 0.
func WeightFromSharesLinear(shares uint64) uint64 {
	if shares == 0 {
		return 0
	}
	shares = min(max(shares, MinShares), MaxShares)
	return 1 + (shares-2)*9999/262142
}
