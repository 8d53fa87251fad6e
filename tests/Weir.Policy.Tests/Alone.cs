// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>Tests that look at a clock: nothing else of this project runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
