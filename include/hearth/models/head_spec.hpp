// What may stand behind pooling, as data.
#pragma once

#include "hearth/models/model.hpp"

namespace hearth {

enum class HeadActivation : int { none, tanh, gelu_erf };

struct HeadSpec {
    Pooling rank_pooling = Pooling::cls;                    // of what cls and cls.output score
    HeadActivation rank_activation = HeadActivation::tanh;  // after cls
    bool rank_norm = false;                                 // cls.norm follows it
    bool softmax = false;                                   // over the scores
};

}  // namespace hearth
