// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Control.State;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>A service as one text: two that mean the same have the same.</summary>
internal static class SpecText
{
    internal static string Of(ServiceSpec spec) => JsonSerializer.Serialize(spec, StateContext.Default.ServiceSpec);
}
