package pay

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Handle is two words such as "amber-otter" by which the till and the payer
// name the same device for a short while. They are made from the code that the
// device broadcasts and change with it, so that the device can tell its own wallet
// what it is called; they name nobody. Where two who are present share their two
// words, a box shows both of them under three, such as "amber-otter-wren". Request
// and offer hold the first two.
type Handle string

// HandleFor returns the words for a device that broadcasts code: two with draw 0,
// and with draw 1 the same two and a third. A box that already shows those for
// another device asks with draw 2, 3 and so on for two other words, which the
// device itself does not know.
func HandleFor(code Code, draw int) Handle {
	h := sha256.New()
	h.Write([]byte(handleLabel))
	h.Write(code[:])
	h.Write([]byte{byte(max(draw-1, 0))})
	sum := h.Sum(nil)
	word := func(list string, at int) string {
		words := strings.Fields(list)
		return words[binary.BigEndian.Uint32(sum[at:])%uint32(len(words))]
	}
	two := word(handleFirst, 0) + "-" + word(handleSecond, 4)
	if draw == 1 {
		return Handle(two + "-" + word(handleSecond, 8))
	}
	return Handle(two)
}

// handleLabel separates the hash of handles from other hashes of a code.
const handleLabel = "paybeacon/1 handle"

// Pair returns the first two words of h, which is h if it has no more.
func (h Handle) Pair() Handle {
	words := strings.SplitN(string(h), "-", 3)
	return Handle(strings.Join(words[:min(len(words), 2)], "-"))
}

// Check returns nil when h is two words of lower-case letters joined by a
// hyphen, which is all that facts hold and that may be printed.
func (h Handle) Check() error {
	a, b, ok := strings.Cut(string(h), "-")
	if !ok || len(h) > handleBytesMax || !isLowerWord(a) || !isLowerWord(b) {
		return NewCase(CodeUsage, "handle_form", fmt.Sprintf("%.40q is no handle", string(h)))
	}
	return nil
}

// CheckBeginning returns nil when h is a handle or the beginning of one that can be
// told from others: two letters or more of the first word, or all of it, the hyphen,
// and as much of the second word, and then of the third, as there is.
func (h Handle) CheckBeginning() error {
	words := strings.Split(string(h), "-")
	ok := len(words) <= handleWordsMax && len(words[0]) >= handleBeginningMin && len(h) <= handleBytesMax
	for i, w := range words {
		last := i > 0 && i == len(words)-1
		ok = ok && (isLowerWord(w) || last && w == "")
	}
	if !ok {
		return NewCase(CodeUsage, "handle_form", fmt.Sprintf("%.40q is no handle and no beginning of one", string(h)))
	}
	return nil
}

// handleWordsMax is how many words a handle may have on a till's screen.
const handleWordsMax = 3

// handleBeginningMin is the shortest beginning of a handle. Chosen: a single letter is
// more often a slip than meant.
const handleBeginningMin = 2

func isLowerWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

const handleFirst = `amber ample azure basic birch blond brave brief bright brisk bronze calm candid cedar cheery
chief civil clear clever cloudy cobalt copper coral cosy crimson crisp curly dapper daring dawn deep distant
dotted double dusky eager early easy ebony elder elegant fabled fair famous fast fern fine fleet floral
fluent fond frank free fresh frosty gentle giant gilded glad golden grand green handy happy hardy hazel hearty
hidden honest humble icy indigo ivory jade jolly jovial keen kind large lasting late lemon level light lilac
linen little lively local lone loyal lucid lucky lunar maple marble mellow merry mighty mild minty misty
modest mossy neat nimble noble north oaken ochre olive opal open orange pale patient pearl pine plain polite
prime proud pure quick quiet rapid ready regal robust rosy round royal ruby rustic sandy scarlet secret
serene sharp shiny silent silver simple sleek slow smart smooth snowy solar solid south spare stable steady
still sturdy sunny swift tawny teal tender tidy tiny topaz tranquil true upbeat velvet violet vivid warm
western white wild willing windy winter wise witty wooden young zesty`

const handleSecond = `adder albatross antelope badger barbel bear beaver bison bittern boar bream bunting
buzzard camel canary caribou carp cat cheetah chough clam cobra cod condor coot corgi cormorant coyote crab crane
cricket crow cuckoo curlew dace deer dingo dipper dolphin dormouse dove duck dunlin eagle eel egret eider elk
ermine falcon ferret finch firefly fox frog gannet gazelle gecko gibbon giraffe goat godwit goose grebe grouse
gull halibut hamster hare harrier hawk hedgehog heron herring hobby hoopoe horse hound ibex ibis iguana impala
jackdaw jaguar jay kestrel kite kiwi koala lamb lapwing lark lemming lemur leopard linnet lion lizard llama
lobster loon lynx macaw magpie mallard mantis marlin marmot marten meerkat merlin mink mole moose moth mouse
mule mussel narwhal newt ocelot okapi oriole osprey otter owl oyster panda panther parrot partridge pelican
penguin perch petrel pigeon pike pipit plover pony puffin puma quail rabbit raccoon raven redstart robin rook
ruff salmon seal shrew shrike siskin skua skylark snipe sparrow squid stag starling stoat stork sturgeon swallow
swan swift tapir teal tern thrush tiger toad trout tuna turtle viper vole wagtail walrus warbler weasel whale
wigeon wolf wombat wren yak zebra`
