package lifecycle

import "log/slog"

// Complaint is what was last said of work that is tried again and again. An
// error is logged once, as long as it stays the same. The zero value is ready; it
// is for one goroutine.
type Complaint struct{ last string }

// Say warns with text unless err is the one of the last call. After nil any error is new.
func (c *Complaint) Say(log *slog.Logger, text string, err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	if now != "" && now != c.last {
		log.Warn(text, "err", err)
	}
	c.last = now
}
