// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;

namespace Weir.Control.State;

/// <summary>How records are kept.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    IgnoreReadOnlyProperties = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(AddressConverter), typeof(PrefixConverter), typeof(LabelSetConverter), typeof(IdentityConverter)])]
[JsonSerializable(typeof(AddressPool))]
[JsonSerializable(typeof(Network))]
[JsonSerializable(typeof(Endpoint))]
[JsonSerializable(typeof(HostSetting))]
[JsonSerializable(typeof(LabelIdentity))]
[JsonSerializable(typeof(KeptPolicies))]
internal sealed partial class StateContext : JsonSerializerContext;
