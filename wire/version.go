package wire

import "fmt"

// Version numbers the editions of the protocol in PROTOCOL.md.
type Version uint16

// VersionMin and VersionMax are the oldest and the newest version that this
// program speaks. A new version is for what an older peer must not ignore: a
// key below 64, a frame type from 128, another meaning. What it may ignore needs
// none. Versions 1 and 2 knew neither ranges nor keys that may be ignored, so
// that nothing speaks with them any more.
const (
	VersionMin Version = 3
	VersionMax Version = 3
)

// Versions is a range of versions, both ends included.
type Versions struct{ Min, Max Version }

// Supported returns the versions that this program speaks.
func Supported() Versions { return Versions{VersionMin, VersionMax} }

// Common returns the newest version that both ranges hold; ok is false when
// there is none.
func (v Versions) Common(o Versions) (version Version, ok bool) {
	version = min(v.Max, o.Max)
	return version, version >= max(v.Min, o.Min)
}

// Holds reports whether version lies in the range.
func (v Versions) Holds(version Version) bool { return v.Min <= version && version <= v.Max }

// String returns the range as text for a person: "version 3", or "versions 3 to
// 5".
func (v Versions) String() string {
	if v.Min == v.Max {
		return fmt.Sprintf("version %d", v.Max)
	}
	return fmt.Sprintf("versions %d to %d", v.Min, v.Max)
}

// oldest returns what a message carries beside the newest version of v: the
// oldest one, or 0 when the two are the same. A message without it reads as one
// of version 2, whose registries answer it with their upgrade sentence.
func (v Versions) oldest() Version {
	if v.Min == v.Max {
		return 0
	}
	return v.Min
}

// versionsOf returns the range that a message carries as newest and oldest.
func versionsOf(newest, oldest Version) Versions {
	if oldest == 0 {
		oldest = newest
	}
	return Versions{oldest, newest}
}

// checkOldest reports an oldest version that is not below the newest: the same
// range would have two encodings.
func checkOldest(newest, oldest Version) error {
	if oldest != 0 && oldest >= newest {
		return fmt.Errorf("oldest version %d is not below the newest, %d", oldest, newest)
	}
	return nil
}
