// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Reading;

/// <summary>Something wrong with a service; the index says with which member of a list, -1: with all.</summary>
internal readonly record struct ServiceFault(ServiceField Field, int Index, string Message, bool IsWarning = false);
