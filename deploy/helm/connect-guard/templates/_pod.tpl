{{/* The pod of the gateway: the same whatever the store is, but for where that is. */}}
{{- define "connect-guard.pod" -}}
serviceAccountName: connect-guard
automountServiceAccountToken: false
enableServiceLinks: false
# preStop (10), twice [drain] requests (60), [drain] notices (30), and a little more.
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # The kubelet gives secrets to this group, read-only: the guard accepts them so, and in no other way.
  fsGroup: 65532
  {{- if eq .Values.store.kind "volume" }}
  # A volume once: each time anew would open the ledger to the group, and the guard would not take it any more.
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {app.kubernetes.io/name: connect-guard}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ if eq .Values.store.kind "postgres" }}DoNotSchedule{{ else }}ScheduleAnyway{{ end }}
    labelSelector:
      matchLabels: {app.kubernetes.io/name: connect-guard}
{{- if eq .Values.store.kind "volume" }}
# The kubelet gives the volume's root to the group, and the guard keeps its ledger in no directory that others may write. So
# in one of its own.
initContainers:
  - name: ledger
    image: {{ .Values.store.image }}
    command: [mkdir, -p, -m, "0700", /var/lib/connect-guard/ledger]
    resources:
      requests: {cpu: 10m, memory: 8Mi}
      limits: {memory: 32Mi}
    securityContext:
      allowPrivilegeEscalation: false
      privileged: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: ledger, mountPath: /var/lib/connect-guard}
{{- end }}
containers:
  - name: connect-guard
    image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
    command: [/usr/bin/connect-guard, serve, --config, /etc/connect-guard/config/config.toml]
    env:
      # Its credentials are those of its service account: never those of the node.
      - {name: AWS_EC2_METADATA_DISABLED, value: "true"}
    ports:
      - {name: gateway, containerPort: 8443}
      - {name: session, containerPort: 8444}
      - {name: status, containerPort: 9464}
    startupProbe:
      httpGet: {path: /startupz, port: status, scheme: HTTPS}
      periodSeconds: 2
      timeoutSeconds: 3
      failureThreshold: 150
    livenessProbe:
      httpGet: {path: /livez, port: status, scheme: HTTPS}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    # A policy or a ledger at fault stops changes and not reads: left out here, so that one fault does not take every pod
    # out of the service. The alerts tell of it.
    readinessProbe:
      httpGet: {path: "/readyz?exclude=policy&exclude=ledger", port: status, scheme: HTTPS}
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    lifecycle:
      # The end is told to those who send requests before it is told to the guard.
      preStop: {sleep: {seconds: 10}}
    resources: {{- toYaml .Values.resources | nindent 12 }}
    securityContext:
      allowPrivilegeEscalation: false
      privileged: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: config, mountPath: /etc/connect-guard/config, readOnly: true}
      - {name: policies, mountPath: /etc/connect-guard/policies, readOnly: true}
      - {name: secrets, mountPath: /etc/connect-guard/secrets, readOnly: true}
      - {name: tls, mountPath: /etc/connect-guard/tls, readOnly: true}
      {{- if eq .Values.store.kind "postgres" }}
      - {name: database, mountPath: /etc/connect-guard/database, readOnly: true}
      {{- else }}
      - {name: ledger, mountPath: /var/lib/connect-guard}
      {{- end }}
volumes:
  - name: config
    configMap: {name: connect-guard-config}
  # Not by subPath: such a mount never sees a new version.
  - name: policies
    projected:
      sources:
        - configMap: {name: connect-guard-policies}
        # What holds at once: it need not be there. See "In an emergency" in deploy/runbook.md.
        - configMap:
            name: connect-guard-emergency
            optional: true
            items: [{key: revoked.toml, path: revoked.toml}]
        - configMap:
            name: connect-guard-stop
            optional: true
            items: [{key: stop.toml, path: deny.d/stop.toml}]
  - name: secrets
    secret: {secretName: connect-guard-secrets, defaultMode: 0400}
  - name: tls
    secret: {secretName: connect-guard-tls, defaultMode: 0400}
  {{- if eq .Values.store.kind "postgres" }}
  - name: database
    secret: {secretName: connect-guard-database, defaultMode: 0400}
  {{- end }}
{{- end }}
