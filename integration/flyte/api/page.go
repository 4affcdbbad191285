// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"drydock/integration/flyte/flyteidl2/common"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// orders are what a list can be sorted by. Each gives items keys whose order
// is the list's, and no two items the same.
type orders[T any] map[string]func(T) string

// createdAt is the order of every list that asks for none, the newest first.
const createdAt = "created_at"

func limit(asked uint32) int {
	if asked == 0 {
		return defaultLimit
	}
	return int(min(asked, maxLimit))
}

// sortOf returns by what, and in which direction, a list is sorted.
func sortOf(list *common.ListRequest) (key string, oldest bool, err error) {
	if len(list.GetRawFilters()) > 0 {
		return "", false, invalid("drydock does not understand raw filters")
	}
	by := list.GetSortBy()
	if len(list.GetSortByFields()) > 1 || by != nil && len(list.GetSortByFields()) > 0 {
		return "", false, invalid("drydock sorts by one field")
	}
	if len(list.GetSortByFields()) == 1 {
		by = list.GetSortByFields()[0]
	}
	return cmp.Or(by.GetKey(), createdAt), by.GetDirection() == common.Sort_ASCENDING, nil
}

// paginate sorts items and returns those of one page, and the token of the
// next. A token is the key of the last item given, so that items that come
// and go between two pages move nothing.
func paginate[T any](items []T, list *common.ListRequest, by orders[T]) (page []T, next string, err error) {
	name, ascending, err := sortOf(list)
	if err != nil {
		return nil, "", err
	}
	key, ok := by[name]
	if !ok {
		return nil, "", invalid("drydock cannot sort this list by %q", name)
	}
	after, err := base64.RawURLEncoding.DecodeString(list.GetToken())
	if err != nil {
		return nil, "", invalid("%q is no token of a list", list.GetToken())
	}
	order := func(a, b string) int {
		if ascending {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(b, a)
	}
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b T) int { return order(key(a), key(b)) })
	if len(after) > 0 {
		items = slices.DeleteFunc(items, func(item T) bool { return order(key(item), string(after)) <= 0 })
	}
	if n := limit(list.GetLimit()); n < len(items) {
		items = items[:n]
		next = base64.RawURLEncoding.EncodeToString([]byte(key(items[n-1])))
	}
	return items, next, nil
}

// timeKey is a time as the beginning of a key.
func timeKey(t time.Time) string { return fmt.Sprintf("%020d", t.UnixNano()) }
