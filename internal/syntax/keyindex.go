package syntax

// keyIndex finds a key among the fields of a map that is being read. Few fields are compared one by
// one; of more, it keeps an index.
type keyIndex struct{ at map[string]int }

// find returns the index of a key, or -1. fields may only have grown since the last call.
func (x *keyIndex) find(fields []Field, key string) int {
	const few = 16
	if len(fields) <= few {
		for i := range fields {
			if fields[i].Key == key {
				return i
			}
		}
		return -1
	}
	if x.at == nil {
		x.at = map[string]int{}
	}
	for i := len(x.at); i < len(fields); i++ {
		x.at[fields[i].Key] = i
	}
	if i, ok := x.at[key]; ok {
		return i
	}
	return -1
}
