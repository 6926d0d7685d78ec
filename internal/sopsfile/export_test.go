package sopsfile

import "time"

// SetTime sets how long the decryption of a file may take.
func (o *Opener) SetTime(d time.Duration) { o.time = d }
