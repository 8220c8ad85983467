package query

import "slices"

// first returns the first n items by the order, sorted; items that are equal in
// the order keep their sequence. A page near the beginning of a long list
// costs about one comparison per item, since most of them come after the first n
// of those before them.
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
