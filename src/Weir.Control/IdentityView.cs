// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>An identity and what it stands for.</summary>
public sealed record IdentityView(Identity Identity, LabelSet Labels, int Endpoints);
