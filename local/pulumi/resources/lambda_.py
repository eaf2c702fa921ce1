"""Lambda: the function with its versions, an alias and the event source mapping."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from local.pulumi.provider.archive import Archive, checksum, zipped
from local.pulumi.provider.invokes import newest_version
from local.pulumi.provider.resource import Properties, Resource, retag, wait_until
from local.pulumi.provider.schema import (
    UNKNOWN,
    Arn,
    Block,
    Flag,
    Inputs,
    Integer,
    InvalidError,
    Items,
    Strings,
    Text,
)

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


class Function(Resource):
    """A function from a zip file; its id is the name."""

    token = "aws:lambda/function:Function"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=r"[\w-]{1,64}", replaces=True),
        "role": Text(pattern=r"arn:aws[\w-]*:iam::\d{12}:role/.+", required=True),
        "code": Archive(required=True, write_only=True),
        "sourceCodeHash": Text(computed=True),
        "handler": Text(required=True),
        "runtime": Text(required=True),
        "architectures": Items(item=Text(one_of=("x86_64", "arm64")), low=1, high=1, default=["x86_64"]),
        "description": Text(),
        "memorySize": Integer(low=128, high=10240, default=128),  # MB
        "timeout": Integer(low=1, high=900, default=3),  # seconds
        "environment": Block(fields={"variables": Strings()}),
        "loggingConfig": Block(
            fields={
                "logFormat": Text(required=True, one_of=("JSON", "Text")),
                "logGroup": Text(computed=True),
                "applicationLogLevel": Text(one_of=LEVELS, computed=True),
                "systemLogLevel": Text(one_of=("DEBUG", "INFO", "WARN"), computed=True),
            },
            computed=True,
        ),
        "tracingConfig": Block(
            fields={"mode": Text(required=True, one_of=("Active", "PassThrough"))}, computed=True
        ),
        "publish": Flag(),
        "tags": Strings(),
    }
    configured_after = ("publish",)
    volatile = ("codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified")
    configuration = (
        "role",
        "handler",
        "runtime",
        "description",
        "memorySize",
        "timeout",
        "environment",
        "loggingConfig",
        "tracingConfig",
    )

    def check(
        self, name: str, inputs: Mapping[str, Any], before: Mapping[str, Any] | None = None, seed: bytes = b""
    ) -> tuple[Properties, list[InvalidError]]:
        canonical, wrong = super().check(name, inputs, before, seed)
        # AWS returns only the checksum of the code, which is compared.
        if not wrong and canonical["code"] != UNKNOWN:
            canonical["sourceCodeHash"] = checksum(canonical["code"])
        return canonical, wrong

    def preview(self, inputs: Properties, state: Properties | None = None) -> Properties:
        planned = super().preview(inputs, state)
        if state and self._publishes(inputs, self.diff(state, inputs)):
            for output in ("version", "qualifiedArn"):
                planned.pop(output, None)
        return planned

    def create_resource(self, inputs: Properties) -> Properties:
        self.aws.lambda_.create_function(
            FunctionName=inputs["name"],
            Code={"ZipFile": zipped(inputs["code"])},
            Architectures=inputs["architectures"],
            Tags=inputs.get("tags", {}),
            **_configuration(inputs),
        )
        return {"id": inputs["name"]}

    def settle(self, id_: str) -> None:
        def ready() -> bool:
            configuration = self.aws.lambda_.get_function_configuration(FunctionName=id_)
            return (
                configuration.get("State") == "Active"
                and configuration.get("LastUpdateStatus") != "InProgress"
            )

        wait_until(ready, f"the function {id_}")

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        answer: Any = self.aws.lambda_.get_function(FunctionName=id_)
        function, tags = answer["Configuration"], answer.get("Tags", {})
        arn = function["FunctionArn"]
        version = newest_version(self.aws, id_)
        logging = function.get("LoggingConfig", {})
        return {
            "arn": arn,
            "name": id_,
            "region": self.aws.region,
            "role": function["Role"],
            "handler": function["Handler"],
            "runtime": function["Runtime"],
            "architectures": function.get("Architectures", ["x86_64"]),
            "description": function.get("Description"),
            "memorySize": function["MemorySize"],
            "timeout": function["Timeout"],
            "environment": {"variables": function.get("Environment", {}).get("Variables", {})},
            "loggingConfig": {
                "logFormat": logging.get("LogFormat", "Text"),
                "logGroup": logging.get("LogGroup"),
                "applicationLogLevel": logging.get("ApplicationLogLevel"),
                "systemLogLevel": logging.get("SystemLogLevel"),
            },
            "tracingConfig": {"mode": function.get("TracingConfig", {}).get("Mode", "PassThrough")},
            "codeSha256": function["CodeSha256"],
            "sourceCodeHash": function["CodeSha256"],
            "sourceCodeSize": function["CodeSize"],
            "lastModified": function["LastModified"],
            "version": version,
            "qualifiedArn": f"{arn}:{version}",
            "invokeArn": (
                f"arn:aws:apigateway:{self.aws.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
            ),
            "packageType": function.get("PackageType", "Zip"),
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        lambda_ = self.aws.lambda_
        if {"sourceCodeHash", "architectures"} & set(changed):
            lambda_.update_function_code(
                FunctionName=id_, ZipFile=zipped(inputs["code"]), Architectures=inputs["architectures"]
            )
            self.settle(id_)
        if set(self.configuration) & set(changed):
            lambda_.update_function_configuration(FunctionName=id_, **_configuration(inputs))
            self.settle(id_)
        if self._publishes(inputs, changed):
            lambda_.publish_version(FunctionName=id_)
        if "tags" in changed:
            _retag(self, id_, inputs)

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.lambda_.delete_function(FunctionName=id_)

    def _publishes(self, inputs: Properties, changed: Collection[str]) -> bool:
        versioned = {"sourceCodeHash", "architectures", "publish", *self.configuration}
        return bool(inputs.get("publish")) and not versioned.isdisjoint(changed)


class Alias(Resource):
    """An alias of a function; its id is the alias's ARN."""

    token = "aws:lambda/alias:Alias"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=r"(?!\d+$)[\w-]{1,128}", replaces=True),
        "functionName": Arn(required=True, replaces=True),
        "functionVersion": Text(required=True, pattern=r"\$LATEST|\d+"),
        "description": Text(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        created = self.aws.lambda_.create_alias(
            FunctionName=inputs["functionName"], Name=inputs["name"], **_target(inputs)
        )
        return {"id": created["AliasArn"]}

    def settle(self, id_: str) -> None:
        """An alias is ready at once."""

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        function, _, name = id_.rpartition(":")
        alias = self.aws.lambda_.get_alias(FunctionName=function, Name=name)
        return {
            "arn": alias["AliasArn"],
            "region": self.aws.region,
            "name": name,
            "functionName": function,
            "functionVersion": alias["FunctionVersion"],
            "description": alias.get("Description"),
        }

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        function, _, name = id_.rpartition(":")
        self.aws.lambda_.update_alias(FunctionName=function, Name=name, **_target(inputs))

    def delete_resource(self, id_: str, _state: Properties) -> None:
        function, _, name = id_.rpartition(":")
        self.aws.lambda_.delete_alias(FunctionName=function, Name=name)


class EventSourceMapping(Resource):
    """An event source mapping; its id is the UUID."""

    token = "aws:lambda/eventSourceMapping:EventSourceMapping"
    inputs: ClassVar[Inputs] = {
        "functionName": Arn(required=True),
        "eventSourceArn": Text(pattern=r"arn:aws[\w-]*:kinesis:.+:stream/.+", required=True, replaces=True),
        "startingPosition": Text(required=True, one_of=("TRIM_HORIZON", "LATEST"), replaces=True),
        "enabled": Flag(default=True),
        "batchSize": Integer(low=1, high=10000, default=100),
        "maximumBatchingWindowInSeconds": Integer(low=0, high=300, default=0),
        "parallelizationFactor": Integer(low=1, high=10, default=1),
        "bisectBatchOnFunctionError": Flag(default=False),
        "maximumRecordAgeInSeconds": Integer(low=-1, high=604800, default=-1),
        "maximumRetryAttempts": Integer(low=-1, high=10000, default=-1),
        "functionResponseTypes": Items(item=Text(one_of=("ReportBatchItemFailures",))),
        "destinationConfig": Block(
            fields={"onFailure": Block(fields={"destinationArn": Text(required=True)})}
        ),
        "filterCriteria": Block(
            fields={"filters": Items(item=Block(fields={"pattern": Text(required=True)}), high=10)}
        ),
        "metricsConfig": Block(fields={"metrics": Items(item=Text(one_of=("EventCount",)), required=True)}),
        "tags": Strings(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        created = self.aws.lambda_.create_event_source_mapping(
            EventSourceArn=inputs["eventSourceArn"],
            StartingPosition=inputs["startingPosition"],
            Tags=inputs.get("tags", {}),
            **_mapping(inputs),
        )
        return {"id": created["UUID"]}

    def settle(self, id_: str) -> None:
        def settled() -> bool:
            return self.aws.lambda_.get_event_source_mapping(UUID=id_)["State"] in ("Enabled", "Disabled")

        wait_until(settled, f"the event source mapping {id_}")

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        mapping: Any = self.aws.lambda_.get_event_source_mapping(UUID=id_)
        arn = mapping["EventSourceMappingArn"]
        tags = self.aws.lambda_.list_tags(Resource=arn)["Tags"]
        failed = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        return {
            "arn": arn,
            "uuid": id_,
            "region": self.aws.region,
            "functionName": mapping["FunctionArn"],
            "functionArn": mapping["FunctionArn"],
            "eventSourceArn": mapping["EventSourceArn"],
            "startingPosition": mapping["StartingPosition"],
            "state": mapping["State"],
            "stateTransitionReason": mapping.get("StateTransitionReason"),
            "lastProcessingResult": mapping.get("LastProcessingResult"),
            "enabled": mapping["State"] in ("Creating", "Enabled", "Enabling", "Updating"),
            "batchSize": mapping["BatchSize"],
            "maximumBatchingWindowInSeconds": mapping.get("MaximumBatchingWindowInSeconds", 0),
            "parallelizationFactor": mapping.get("ParallelizationFactor", 1),
            "bisectBatchOnFunctionError": mapping.get("BisectBatchOnFunctionError", False),
            "maximumRecordAgeInSeconds": mapping.get("MaximumRecordAgeInSeconds", -1),
            "maximumRetryAttempts": mapping.get("MaximumRetryAttempts", -1),
            "functionResponseTypes": mapping.get("FunctionResponseTypes", []),
            "destinationConfig": {"onFailure": {"destinationArn": failed}} if failed else {},
            "filterCriteria": {
                "filters": [
                    {"pattern": each["Pattern"]}
                    for each in mapping.get("FilterCriteria", {}).get("Filters", [])
                ]
            },
            "metricsConfig": {"metrics": mapping.get("MetricsConfig", {}).get("Metrics", [])},
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        lambda_ = self.aws.lambda_
        if set(changed) - {"tags"}:
            lambda_.update_event_source_mapping(UUID=id_, **_mapping(inputs))
            self.settle(id_)
        if "tags" in changed:
            _retag(self, id_, inputs)

    def delete_resource(self, id_: str, state: Properties) -> None:
        self.aws.lambda_.delete_event_source_mapping(UUID=id_)
        wait_until(lambda: self.read(id_, state) is None, f"deleting the mapping {id_}")


def _retag(resource: Resource, id_: str, inputs: Properties) -> None:
    lambda_ = resource.aws.lambda_
    actual = resource.read_resource(id_, {})
    retag(
        actual["tags"],
        inputs.get("tags"),
        lambda keys: lambda_.untag_resource(Resource=actual["arn"], TagKeys=keys),
        lambda tags: lambda_.tag_resource(Resource=actual["arn"], Tags=tags),
    )


def _target(inputs: Properties) -> dict[str, Any]:
    return {"FunctionVersion": inputs["functionVersion"], "Description": inputs.get("description", "")}


def _configuration(inputs: Properties) -> dict[str, Any]:
    logging = inputs.get("loggingConfig")
    settings = {
        "Role": inputs["role"],
        "Handler": inputs["handler"],
        "Runtime": inputs["runtime"],
        "Description": inputs.get("description", ""),
        "MemorySize": inputs["memorySize"],
        "Timeout": inputs["timeout"],
        "Environment": {"Variables": inputs.get("environment", {}).get("variables", {})},
    }
    if logging:
        settings["LoggingConfig"] = {key[0].upper() + key[1:]: value for key, value in logging.items()}
    if "tracingConfig" in inputs:
        settings["TracingConfig"] = {"Mode": inputs["tracingConfig"]["mode"]}
    return settings


def _mapping(inputs: Properties) -> dict[str, Any]:
    failed = inputs.get("destinationConfig", {}).get("onFailure", {}).get("destinationArn")
    return {
        "FunctionName": inputs["functionName"],
        "Enabled": inputs["enabled"],
        "BatchSize": inputs["batchSize"],
        "MaximumBatchingWindowInSeconds": inputs["maximumBatchingWindowInSeconds"],
        "ParallelizationFactor": inputs["parallelizationFactor"],
        "BisectBatchOnFunctionError": inputs["bisectBatchOnFunctionError"],
        "MaximumRecordAgeInSeconds": inputs["maximumRecordAgeInSeconds"],
        "MaximumRetryAttempts": inputs["maximumRetryAttempts"],
        "FunctionResponseTypes": inputs.get("functionResponseTypes", []),
        "DestinationConfig": {"OnFailure": {"Destination": failed} if failed else {}},
        # Empty to take filters back: left out, AWS would keep them.
        "FilterCriteria": {
            "Filters": [
                {"Pattern": each["pattern"]} for each in inputs.get("filterCriteria", {}).get("filters", [])
            ]
        },
        "MetricsConfig": {"Metrics": inputs.get("metricsConfig", {}).get("metrics", [])},
    }
