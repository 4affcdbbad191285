// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"cmp"
	"slices"
)

// LargerTypes are NVIDIA's types whose cards have more memory than those of a
// type, the smallest first; none where the type is not known.
func LargerTypes(typ string) []string {
	than, ok := productOf(typ)
	if !ok {
		return nil
	}
	var larger []product
	for _, p := range products {
		if p.memory > than.memory {
			larger = append(larger, p)
		}
	}
	slices.SortStableFunc(larger, func(a, b product) int { return cmp.Compare(a.memory, b.memory) })
	names := make([]string, len(larger))
	for i, p := range larger {
		names[i] = p.name
	}
	return names
}

// LargerProfiles are the partitions of a type with more memory than one has,
// the smallest first.
func LargerProfiles(typ, profile string) []string {
	than, ok := ParseProfile(profile)
	if !ok {
		return nil
	}
	var names []string
	sizes := map[string]int{}
	for _, name := range offered(typ) {
		if p, ok := ParseProfile(name); ok && p.GB > than.GB && p.Suffix == "" {
			names = append(names, name)
			sizes[name] = p.GB
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(sizes[a], sizes[b]) })
	return names
}
