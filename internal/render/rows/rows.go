// Package rows writes rows of a label and a description, aligned.
package rows

import (
	"fmt"
	"io"
)

// Writer writes rows to W, up to the first error.
type Writer struct {
	W   io.Writer
	Err error
}

// Add writes a row. An empty label continues the row before it.
func (w *Writer) Add(label, format string, args ...any) {
	if w.Err == nil {
		_, w.Err = fmt.Fprintf(w.W, "%-9s "+format+"\n", append([]any{label}, args...)...)
	}
}
