// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Weir.Services;

namespace Weir.Control.State;

/// <summary>How records are kept.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    IgnoreReadOnlyProperties = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(AddressConverter), typeof(PrefixConverter), typeof(LabelSetConverter), typeof(IdentityConverter), typeof(FrontendConverter), typeof(BackendAddressConverter), typeof(BackendSpecConverter), typeof(HealthCheckConverter)])]
[JsonSerializable(typeof(AddressPool))]
[JsonSerializable(typeof(Network))]
[JsonSerializable(typeof(Endpoint))]
[JsonSerializable(typeof(HostSetting))]
[JsonSerializable(typeof(LabelIdentity))]
[JsonSerializable(typeof(KeptPolicies))]
[JsonSerializable(typeof(KeptPolicy))]
[JsonSerializable(typeof(KeptPrefilter))]
[JsonSerializable(typeof(KeptService))]
[JsonSerializable(typeof(ReservedPorts))]
[JsonSerializable(typeof(KeptInstallation))]
[JsonSerializable(typeof(KeptNode))]
[JsonSerializable(typeof(KeptShared))]
[JsonSerializable(typeof(KeptAllowances))]
[JsonSerializable(typeof(ServiceSpec))]
internal sealed partial class StateContext : JsonSerializerContext;
