package pumps

import "fmt"

// ConfigError says what is wrong in the file that describes a station's pumps.
type ConfigError struct {
	File    string
	Line    int    // the first is 1; 0: it concerns no single line
	Key     string // as it is written in the file, or ""
	Problem string // for people, without file, line and key
}

// Error returns "FILE:LINE: KEY: problem", without the parts that are not known.
func (e *ConfigError) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key != "" {
		at += ": " + e.Key
	}
	return at + ": " + e.Problem
}
