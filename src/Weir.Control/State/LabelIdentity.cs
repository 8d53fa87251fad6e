// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Policy;

namespace Weir.Control.State;

/// <summary>The number of a label set.</summary>
internal sealed record LabelIdentity(Identity Identity, LabelSet Labels);
