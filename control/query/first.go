package query

import "slices"

// first gives the first n items by the order, sorted; items that the order does
// not tell apart stay as they came. A page near the beginning of a long list
// costs about one comparison an item, as most are no match for the best n of
// those before them.
func first[T any](items []T, n int, order Order[T]) []T {
	if n == 0 {
		return nil
	}
	if len(items) < 4*n {
		all := slices.Clone(items)
		slices.SortStableFunc(all, order)
		return all[:min(n, len(all))]
	}
	// best[:n] is sorted once best has been full; behind it are candidates.
	best := make([]T, 0, 2*n)
	known := false
	for _, item := range items {
		if known && order(item, best[n-1]) >= 0 {
			continue
		}
		best = append(best, item)
		if len(best) == cap(best) {
			slices.SortStableFunc(best, order)
			best = best[:n]
			known = true
		}
	}
	slices.SortStableFunc(best, order)
	return best[:n]
}
